/* Kernels in C: what Swift cannot say (a function compiled for a wider vector unit than the rest, a prefetch).
 *
 * Every kernel exists once per vector unit, from one source, and gives the same bits in each: no contraction into fused
 * multiply-adds, no reassociation. */
#include "bound_checks.h"
#include "bounded_products.h"
#include "checksum.h"
#include "comparison_bytes.h"
#include "comparison_statistics.h"
#include "file_space.h"
#include "lost_pages.h"
#include "products.h"
#include "quantized_products.h"
#include "spin.h"
#include "vector_unit.h"
