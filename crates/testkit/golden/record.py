#!/usr/bin/env python3
"""Records what Linux makes of offloaded frames: `unshare -rn crates/testkit/golden/record.py >crates/testkit/golden/linux.txt`

    frame and virtio-net header ─▶ TAP (vnet_hdr) ─▶ bridge ─▶ TAP without offloads ─▶ finished frames

Needs /dev/net/tun and `ip`; nothing leaves the namespace. The lines of a case:

    case NAME
    in   VIRTIO-NET HEADER  FRAME
    out  FRAME              one for each that came out, in order; none if Linux refused the frame
"""
import fcntl, os, select, struct, subprocess, sys

TUNSETIFF, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D8
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 2, 0x1000, 0x4000
HERE, THERE = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
NEEDS_CSUM, TCPV4, TCPV6, UDP_L4, ECN = 1, 1, 4, 5, 0x80
FIN, SYN, PSH, ACK, ECE, CWR = 1, 2, 8, 16, 64, 128
TIMESTAMPS = bytes.fromhex("0101080a0102030405060708")


def tap(name, flags):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name, IFF_TAP | IFF_NO_PI | flags))
    return fd


def bridge():
    inside, outside = tap(b"inside", IFF_VNET_HDR), tap(b"outside", 0)
    fcntl.ioctl(inside, TUNSETVNETHDRSZ, struct.pack("i", 12))
    for command in [
        "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1"
        " net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0",
        "ip link add name bridge0 type bridge mcast_snooping 0 stp_state 0 forward_delay 0",
        "ip link set inside master bridge0", "ip link set outside mtu 65000 master bridge0", "ip link set inside mtu 65000",
        "ip link set bridge0 up", "ip link set inside up", "ip link set outside up",
    ]:
        subprocess.run(command.split(), check=True, stdout=sys.stderr)
    return inside, outside


def add(data, start=0):
    if len(data) % 2:
        data += b"\0"
    total = start + sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def payload(length, seed=1):
    out = bytearray()
    for _ in range(length):
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        out.append(seed >> 16 & 0xFF)
    return bytes(out)


def ipv4(protocol, body, ident=0x1234, options=b"", flags=0x4000, tos=0):
    head = struct.pack(">BBHHHBBH4s4s", 0x45 + len(options) // 4, tos, 20 + len(options) + len(body), ident, flags, 64,
                       protocol, 0, bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])) + options
    head = head[:10] + struct.pack(">H", ~add(head) & 0xFFFF) + head[12:]
    return head + body


def pseudo4(protocol, length):
    return add(bytes([10, 0, 0, 1, 10, 0, 0, 2]) + struct.pack(">HH", protocol, length))


V6 = bytes.fromhex("fd000000000000000000000000000001fd000000000000000000000000000002")
HOP = bytes([0, 1, 4, 0, 0, 0, 0])  # PadN, without the next header in front
LONG = bytes([2, 1, 20]) + bytes(20)


def ipv6(protocol, body, extensions=()):
    """`extensions`: (number, bytes behind the next header field)."""
    kinds = [kind for kind, _ in extensions] + [protocol]
    chain = b"".join(bytes([kinds[at + 1]]) + rest for at, (_, rest) in enumerate(extensions))
    return struct.pack(">IHBB", 0x60012345, len(chain) + len(body), kinds[0], 64) + V6 + chain + body


def pseudo6(protocol, length):
    return add(V6 + struct.pack(">II", length, protocol))


def tcp(pseudo, data, flags=ACK, options=b"", sequence=0xFFFFFF00):
    head = struct.pack(">HHIIBBHHH", 40000, 80, sequence, 77, (5 + len(options) // 4) << 4, flags, 500, 0, 0) + options
    length = len(head) + len(data)
    return head[:16] + struct.pack(">H", pseudo(6, length)) + head[18:] + data


def udp(pseudo, data):
    length = 8 + len(data)
    return struct.pack(">HHHH", 5000, 6000, length, pseudo(17, length)) + data


def ethernet(packet, tags=()):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    tagged = b"".join(struct.pack(">HH", tpid, tci) for tpid, tci in tags)
    return THERE + HERE + tagged + struct.pack(">H", kind) + packet


def zero_sum(make, protocol, field):
    """A frame whose checksum comes out as zero: the last two bytes of the data see to that."""
    frame, start = make(b"\0\0")
    frame = frame[:-2] + struct.pack(">H", ~add(frame[start:]) & 0xFFFF)
    assert add(frame[start:]) == 0xFFFF
    return frame, start


def cases():
    def header(gso, size, start, offset, head):
        return struct.pack("<BBHHHHH", NEEDS_CSUM, gso, head, size, start, offset, 0)

    def large(name, gso, size, packet, transport_at, transport, tags=()):
        start = 14 + 4 * len(tags) + transport_at
        offset = 6 if gso == UDP_L4 else 16
        return name, header(gso, size, start, offset, start + transport), ethernet(packet, tags)

    def plain(name, frame, start, offset):
        return name, header(0, 0, start, offset, 0), frame

    q, ad = (0x8100, 0x2064), (0x88A8, 0x001E)
    data = payload(1000)
    every = FIN | PSH | ACK | ECE | CWR
    for tags, said in [((), ""), ((q,), "-vlan"), ((ad, q), "-qinq"), ((q, q, q), "-three-tags")]:
        yield large("tcp4" + said, TCPV4, 400, ipv4(6, tcp(pseudo4, data)), 20, 20, tags)
        yield large("tcp6" + said, TCPV6, 400, ipv6(6, tcp(pseudo6, data)), 40, 20, tags)
        yield large("udp4" + said, UDP_L4, 400, ipv4(17, udp(pseudo4, data)), 20, 8, tags)
        yield large("udp6" + said, UDP_L4, 400, ipv6(17, udp(pseudo6, data)), 40, 8, tags)
    yield large("tcp4-flags", TCPV4 | ECN, 300, ipv4(6, tcp(pseudo4, data, every)), 20, 20)
    yield large("tcp6-flags", TCPV6 | ECN, 300, ipv6(6, tcp(pseudo6, data, every)), 40, 20)
    yield large("tcp4-options", TCPV4, 333, ipv4(6, tcp(pseudo4, data, PSH | ACK, TIMESTAMPS)), 20, 32)
    yield large("tcp6-options", TCPV6, 333, ipv6(6, tcp(pseudo6, data, PSH | ACK, TIMESTAMPS)), 40, 32)
    yield large("tcp4-longest-options", TCPV4, 333, ipv4(6, tcp(pseudo4, data, ACK, b"\1" * 40)), 20, 60)
    yield large("tcp4-odd", TCPV4, 333, ipv4(6, tcp(pseudo4, payload(999))), 20, 20)
    yield large("tcp4-one-byte-left", TCPV4, 333, ipv4(6, tcp(pseudo4, payload(1000))), 20, 20)
    yield large("tcp4-whole-segments", TCPV4, 250, ipv4(6, tcp(pseudo4, data)), 20, 20)
    yield large("tcp4-id-wraps", TCPV4, 100, ipv4(6, tcp(pseudo4, data), 0xFFFB), 20, 20)
    yield large("tcp4-may-fragment", TCPV4, 400, ipv4(6, tcp(pseudo4, data), 0, flags=0, tos=3), 20, 20)
    yield large("tcp4-ip-options", TCPV4, 400, ipv4(6, tcp(pseudo4, data), options=b"\1" * 8), 28, 20)
    yield large("udp4-ip-options", UDP_L4, 400, ipv4(17, udp(pseudo4, data), options=b"\1" * 8), 28, 8)
    for name, extensions in [("hop", [(0, HOP)]), ("destination", [(60, HOP)]), ("hop-destination", [(0, LONG), (60, HOP)])]:
        at = 40 + sum(1 + len(rest) for _, rest in extensions)
        yield large("tcp6-" + name, TCPV6, 400, ipv6(6, tcp(pseudo6, data), extensions), at, 20)
        yield large("udp6-" + name, UDP_L4, 400, ipv6(17, udp(pseudo6, data), extensions), at, 8)
    routing = (43, bytes([2, 4, 1, 0, 0, 0, 0]) + V6[:16])
    yield large("tcp6-routing", TCPV6, 400, ipv6(6, tcp(pseudo6, data), [routing]), 64, 20, (q,))
    yield large("udp4-odd", UDP_L4, 333, ipv4(17, udp(pseudo4, payload(1001))), 20, 8)
    yield large("udp4-id-wraps", UDP_L4, 100, ipv4(17, udp(pseudo4, data), 0xFFFE), 20, 8)
    yield large("tcp4-ethernet", TCPV4, 1448, ipv4(6, tcp(pseudo4, payload(3500), PSH | ACK, TIMESTAMPS)), 20, 32)

    yield large("tcp4-fits", TCPV4, 1448, ipv4(6, tcp(pseudo4, data, every)), 20, 20)
    yield large("udp4-fits", UDP_L4, 1448, ipv4(17, udp(pseudo4, data)), 20, 8)

    yield plain("tcp4-checksum", ethernet(ipv4(6, tcp(pseudo4, data, every))), 34, 16)
    yield plain("tcp6-checksum", ethernet(ipv6(6, tcp(pseudo6, payload(333))), [ad, q]), 62, 16)
    yield plain("udp4-checksum", ethernet(ipv4(17, udp(pseudo4, payload(1)))), 34, 6)
    yield plain("udp6-checksum", ethernet(ipv6(17, udp(pseudo6, b""), [(0, HOP)])), 62, 6)
    yield plain("tcp4-trailer", ethernet(ipv4(6, tcp(pseudo4, b""))) + b"\0\1\2\3\4\5", 34, 16)
    for name, number, make, pseudo, offset in [("udp4", 17, udp, pseudo4, 6), ("udp6", 17, udp, pseudo6, 6),
                                               ("tcp4", 6, tcp, pseudo4, 16), ("tcp6", 6, tcp, pseudo6, 16)]:
        packet, start = (ipv4, 34) if name.endswith("4") else (ipv6, 54)
        frame, start = zero_sum(lambda d: (ethernet(packet(number, make(pseudo, b"zero" + d))), start), number, offset)
        yield plain(name + "-checksum-zero", frame, start, offset)
    gre = struct.pack(">HHHH", 0x8000, 0x0800, 0, 0) + ipv4(17, udp(pseudo4, b"inside"))
    yield plain("gre-checksum", ethernet(ipv4(47, gre)), 34, 4)
    zero = tcp_zero_segments()
    yield large("tcp4-segment-sum-zero", TCPV4, 100, zero, 20, 20)
    yield large("udp4-segment-sum-zero", UDP_L4, 100, udp_zero_segments(), 20, 8)

    good = ipv4(6, tcp(pseudo4, data))
    yield ("bad-other-version", header(TCPV6, 400, 34, 16, 54), ethernet(good))
    yield ("bad-no-size", header(TCPV4, 0, 34, 16, 54), ethernet(good))
    yield ("bad-offset", header(TCPV4, 400, 34, 6, 54), ethernet(good))
    yield ("bad-udp-is-tcp", header(UDP_L4, 400, 34, 6, 42), ethernet(good))
    yield ("bad-checksum-behind-the-end", header(0, 0, 34, 2000, 0), ethernet(good))


def tcp_zero_segments():
    """The first of the segments has a checksum that comes out as zero."""
    data = bytearray(payload(250))
    first = bytearray(tcp(pseudo4, bytes(data[:98]) + b"\0\0"))
    data[98:100] = struct.pack(">H", ~add(bytes(first)) & 0xFFFF)
    return ipv4(6, tcp(pseudo4, bytes(data)))


def udp_zero_segments():
    data = bytearray(payload(250))
    first = bytearray(udp(pseudo4, bytes(data[:98]) + b"\0\0"))
    data[98:100] = struct.pack(">H", ~add(bytes(first)) & 0xFFFF)
    return ipv4(17, udp(pseudo4, bytes(data)))


def read_all(fd):
    while select.select([fd], [], [], 0.2)[0]:
        yield os.read(fd, 70000)


def main():
    inside, outside = bridge()
    for _ in read_all(outside):
        pass
    print("# Made by record.py beside this file, on Linux", os.uname().release.split("-")[0])
    for name, header, frame in cases():
        print("case", name)
        print("in", header.hex(), frame.hex())
        try:
            os.write(inside, header + frame)
        except OSError as error:
            print(name, error, file=sys.stderr)
        for finished in read_all(outside):
            print("out", finished.hex())


main()
