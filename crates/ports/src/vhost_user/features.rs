//! What we offer a guest driver and a frontend.

use switch::offload::Offloads;
use vhost::vhost_user::message::VhostUserProtocolFeatures;

/// VIRTIO_NET_F_MTU (virtio 1.2 5.1.3): the frontend tells its guest an MTU. Offered where one is configured.
pub(super) const MTU: u64 = 1 << 3;
/// VIRTIO_NET_F_MRG_RXBUF (virtio 1.2 5.1.3): a frame may be spread over several receive buffers.
pub(super) const MRG_RXBUF: u64 = 1 << 15;
/// VIRTIO_NET_F_MQ (virtio 1.2 5.1.3): several queue pairs, as many as the frontend tells its guest.
pub(super) const MQ: u64 = 1 << 22;
/// From a guest (virtio 1.2 5.1.3, VIRTIO_NET_F_ before each): CSUM, HOST_TSO4, HOST_TSO6, HOST_ECN, HOST_USO.
const FROM_GUEST_OFFLOADS: [(u64, Offloads); 5] = [
    (1, Offloads::CHECKSUM),
    (1 << 11, Offloads::TCP4),
    (1 << 12, Offloads::TCP6),
    (1 << 13, Offloads::ECN),
    (1 << 56, Offloads::UDP4.and(Offloads::UDP6)),
];
/// To a guest: GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN, GUEST_USO4, GUEST_USO6.
const TO_GUEST_OFFLOADS: [(u64, Offloads); 6] = [
    (1 << 1, Offloads::CHECKSUM),
    (1 << 7, Offloads::TCP4),
    (1 << 8, Offloads::TCP6),
    (1 << 9, Offloads::ECN),
    (1 << 54, Offloads::UDP4),
    (1 << 55, Offloads::UDP6),
];
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
pub(super) const OFFERED: u64 = MRG_RXBUF
    | MQ
    | INDIRECT_DESC
    | EVENT_IDX
    | PROTOCOL_FEATURES
    | VERSION_1
    | RING_PACKED
    | OFFLOADS;
const OFFLOADS: u64 = bits(&FROM_GUEST_OFFLOADS) | bits(&TO_GUEST_OFFLOADS);

/// Protocol features offered.
pub(super) const OFFERED_PROTOCOL: VhostUserProtocolFeatures = VhostUserProtocolFeatures::REPLY_ACK
    .union(VhostUserProtocolFeatures::MQ)
    .union(VhostUserProtocolFeatures::MTU)
    .union(VhostUserProtocolFeatures::CONFIGURE_MEM_SLOTS)
    .union(VhostUserProtocolFeatures::RESET_DEVICE);

/// Memory regions a frontend may have at a time.
pub(super) const MAX_REGIONS: usize = 32;

/// What a guest that accepted `features` may leave undone.
pub(super) const fn from_guest_offloads(features: u64) -> Offloads {
    offloads(&FROM_GUEST_OFFLOADS, features)
}

/// What a guest that accepted `features` lets others leave undone.
pub(super) const fn to_guest_offloads(features: u64) -> Offloads {
    offloads(&TO_GUEST_OFFLOADS, features)
}

const fn offloads(table: &[(u64, Offloads)], features: u64) -> Offloads {
    let (mut set, mut at) = (Offloads::NONE, 0);
    while at < table.len() {
        let (bit, offload) = table[at];
        if features & bit != 0 {
            set = set.and(offload);
        }
        at += 1;
    }
    set
}

const fn bits(table: &[(u64, Offloads)]) -> u64 {
    let (mut bits, mut at) = (0, 0);
    while at < table.len() {
        bits |= table[at].0;
        at += 1;
    }
    bits
}
