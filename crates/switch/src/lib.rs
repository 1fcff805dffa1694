//! The switch: workers, turns, delivery, counters and drop reasons. Knows no virtio, no socket, no file.
