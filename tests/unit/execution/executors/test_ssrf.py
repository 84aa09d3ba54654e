"""Which addresses are public. Sources: the IANA registries of special-purpose addresses."""

import pytest

from errandry.execution.executors.ssrf import is_public, resolve

PUBLIC = """
1.1.1.1 8.8.8.8 172.32.0.1 100.128.0.1 193.0.0.1 ::ffff:8.8.8.8
2606:4700::1111 2001:4860:4860::8888 2a00:1450::1
"""
OTHERS = """
0.0.0.0 10.1.2.3 100.64.0.1 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1 172.31.255.255
192.0.0.170 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1
224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1
2001::1 2001:db8::1 3fff::1 2002:a9fe:a9fe:: fc00::1 fd12::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1
5f00::1 4000::1
"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", OTHERS.split())
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)


async def test_the_odd_ways_to_write_loopback_lead_there() -> None:
    for host in ("127.0.0.1", "2130706433", "0x7f000001", "127.1", "::ffff:127.0.0.1"):
        assert not any(map(is_public, await resolve(host, 80))), host
