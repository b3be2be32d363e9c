#pragma STDC FP_CONTRACT OFF
#include "checksum_units.h"

#define UNIT(name) name##_baseline
#include "checksum_template.h"
