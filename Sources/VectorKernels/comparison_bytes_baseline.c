#pragma STDC FP_CONTRACT OFF
#define UNIT(name) name##_baseline
#define VECTOR_BYTES 16
#include "comparison_bytes_template.h"
