#pragma STDC FP_CONTRACT OFF

#define UNIT(name) name##_baseline
#define WIDTH 2
#define TILE 6
#include "bounded_products_template.h"
