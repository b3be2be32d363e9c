#pragma STDC FP_CONTRACT OFF
#define UNIT(name) name##_baseline
#include "comparison_statistics_template.h"
