#pragma STDC FP_CONTRACT OFF

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "products_units.h"

#define UNIT(name) name##_baseline
#define VECTOR_BYTES 16
#include "products_formats.h"
#include "quantized_template.h"
