"""Only public addresses may be fetched from, in whatever clothes the others come."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.feeds.address import is_address, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "168.63.129.16", "192.0.2.1",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::169.254.169.254", "2002:7f00:1::",
        "localhost", "example.com", "", "127.1", "2130706433", "0x7f000001",
    ],
)  # fmt: skip
def test_what_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "172.15.0.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::8.8.8.8"]
)
def test_what_is_public_is_not_refused(address: str) -> None:
    assert is_public(address)


IPV4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


@given(IPV4)
def test_an_ipv4_address_is_no_more_public_inside_an_ipv6_one(address: ipaddress.IPv4Address) -> None:
    inside = int(address)
    carriers = [
        ipaddress.IPv6Address(0xFFFF << 32 | inside),
        ipaddress.IPv6Address(inside),
        ipaddress.IPv6Address(0x0064_FF9B << 96 | inside),
        ipaddress.IPv6Address(0x2002 << 112 | inside << 80 | 1),
    ]
    if not is_public(str(address)):
        assert not any(is_public(str(each)) for each in carriers)


@given(st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"]), st.data())
def test_no_address_of_a_private_network_is_public(network: str, data: st.DataObject) -> None:
    of = ipaddress.IPv4Network(network)
    assert not is_public(str(of[data.draw(st.integers(0, of.num_addresses - 1))]))


def test_a_name_is_told_from_an_address_however_that_is_written() -> None:
    assert all(map(is_address, ("127.0.0.1", "127.1", "0x7f.1", "017700000001", "2130706433", "::1", "fe80::1%lo")))
    assert not any(map(is_address, ("localhost", "example.com", "1.2.3.4.example", "", "a" * 300)))
