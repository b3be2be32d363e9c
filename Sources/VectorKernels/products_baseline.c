#pragma STDC FP_CONTRACT OFF

#include <string.h>

#include "products_units.h"

#define UNIT(name) name##_baseline
#define HEIGHT 2
#include "products_formats.h"
