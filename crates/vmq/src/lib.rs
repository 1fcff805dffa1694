//! The virtual machine queue engine, sans I/O: queues, filters, control requests and the lookup table they compile to.
