//! Device side of the virtio rings, without any knowledge of what they carry.
