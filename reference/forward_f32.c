/* The forward pass in float32, and in int8 where the checkpoint is quantized. */
#include <math.h>

#define REAL float
#define IS_FLOAT32 1
#define ENGINE engine_f32
#define EXP expf
#define POW powf
#define COS cosf
#define SIN sinf
#define SQRT sqrtf

#include "forward_template.h"
