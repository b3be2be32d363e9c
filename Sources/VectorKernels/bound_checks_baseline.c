#pragma STDC FP_CONTRACT OFF

#define UNIT(name) name##_baseline
#include "bound_checks_template.h"
