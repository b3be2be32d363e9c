/* The forward pass in float64. */
#include <math.h>

#define REAL double
#define IS_FLOAT32 0
#define ENGINE engine_f64
#define EXP exp
#define POW pow
#define COS cos
#define SIN sin
#define SQRT sqrt

#include "forward_template.h"
