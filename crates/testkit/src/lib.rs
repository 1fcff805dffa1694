//! Guest double, hostile guest, naive model switch and counting allocator.
