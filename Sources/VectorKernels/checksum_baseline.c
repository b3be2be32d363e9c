#pragma STDC FP_CONTRACT OFF
#include "checksum_units.h"

#define NAME(function) function##_baseline
#include "checksum_template.h"
