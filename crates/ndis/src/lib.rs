//! NDIS network-buffer structures, constants and macros.
#![no_std]
