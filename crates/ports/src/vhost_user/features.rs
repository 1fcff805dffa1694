//! What we offer a guest driver and a frontend.

use vhost::vhost_user::message::VhostUserProtocolFeatures;

/// VIRTIO_NET_F_MRG_RXBUF (virtio 1.2 5.1.3): a frame may be spread over several receive buffers.
pub(super) const MRG_RXBUF: u64 = 1 << 15;
/// VIRTIO_NET_F_MQ (virtio 1.2 5.1.3): several queue pairs, as many as the frontend tells its guest.
pub(super) const MQ: u64 = 1 << 22;
/// VIRTIO_F_INDIRECT_DESC (virtio 1.2 6).
pub(super) const INDIRECT_DESC: u64 = 1 << 28;
/// VIRTIO_F_EVENT_IDX (virtio 1.2 6).
pub(super) const EVENT_IDX: u64 = 1 << 29;
/// VHOST_USER_F_PROTOCOL_FEATURES (vhost-user specification).
pub(super) const PROTOCOL_FEATURES: u64 = 1 << 30;
/// VIRTIO_F_VERSION_1 (virtio 1.2 6). Required: the header layout and byte order hang on it.
pub(super) const VERSION_1: u64 = 1 << 32;
/// VIRTIO_F_RING_PACKED (virtio 1.2 6). VIRTIO_F_IN_ORDER is not offered with it: frames that wait for a receiver's
/// buffers are completed after later ones.
pub(super) const RING_PACKED: u64 = 1 << 34;

/// Everything offered.
pub(super) const OFFERED: u64 =
    MRG_RXBUF | MQ | INDIRECT_DESC | EVENT_IDX | PROTOCOL_FEATURES | VERSION_1 | RING_PACKED;

/// Protocol features offered.
pub(super) const OFFERED_PROTOCOL: VhostUserProtocolFeatures = VhostUserProtocolFeatures::REPLY_ACK
    .union(VhostUserProtocolFeatures::MQ)
    .union(VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS)
    .union(VhostUserProtocolFeatures::RESET_DEVICE);

/// Memory regions a frontend may have at a time.
pub(super) const MAX_REGIONS: usize = 32;
