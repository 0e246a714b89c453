#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

//  The one exception to "nothing under lib/ prints": the process is about to
//  end, and this line is all that its owner will ever get.
void zloom_assert_failed (const char *expression, const char *file, int line)
{
    fprintf (stderr, "zloom: %s:%d: '%s' does not hold; this is a bug in zloom\n", file, line,
             expression);
    abort ();
}
