"""What does every store promise about TLS? With the right CA and certificate it is reached, else there is a sentence.

A class per server says how it is reached; the server wants a client's certificate, and its own is for GOOD_HOST.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.tls import TlsFiles
from tests.certificates import GOOD_HOST, OTHER_HOST, Authority, Identity


@dataclass
class Door:
    """Ports on loopback: one where the server speaks TLS, and one where one of its kind does not."""

    tls: int
    plain: int


class TlsContract:
    """One client and one server."""

    store: StoreName
    called: str
    """What people call the store."""
    scheme = ""
    """What an address says besides, where it says that TLS is spoken."""

    async def reached(self, host: str, port: int, tls: TlsFiles) -> None:
        """Open the client, ask something, close it. Without files it speaks without TLS."""
        raise NotImplementedError

    async def refusal(self, host: str, port: int, tls: TlsFiles) -> str:
        """The sentence with which a start fails."""
        with pytest.raises(StoreMisconfigured) as refused:
            await self.reached(host, port, tls)
        assert refused.value.store is self.store
        return str(refused.value)

    @pytest.fixture
    def files(self, authority: Authority, us: Identity) -> TlsFiles:
        """All that is asked for."""
        return TlsFiles(self.store, str(authority.file), str(us.cert), str(us.key))

    @pytest.fixture
    def ca_setting(self, files: TlsFiles) -> str:
        """What the setting of the CA is called."""
        return files.ca_setting

    @pytest.fixture
    def cert_setting(self, files: TlsFiles) -> str:
        """What the setting of our certificate is called."""
        return files.cert_setting

    async def test_with_its_ca_and_our_certificate_it_is_reached(self, door: Door, files: TlsFiles) -> None:
        await self.reached(GOOD_HOST, door.tls, files)

    async def test_certificate_and_key_may_be_in_one_file(self, door: Door, files: TlsFiles, us: Identity) -> None:
        await self.reached(GOOD_HOST, door.tls, replace(files, cert=str(us.both), key=None))

    async def test_a_server_of_another_ca_is_refused(
        self, door: Door, files: TlsFiles, stranger: Authority, ca_setting: str
    ) -> None:
        sentence = await self.refusal(GOOD_HOST, door.tls, replace(files, ca=str(stranger.file)))
        assert sentence == (
            f"The certificate of {self.called} at {GOOD_HOST}:{door.tls} is not signed by the CA in {ca_setting}."
        )

    async def test_a_ca_of_our_own_is_unknown_to_the_system(self, door: Door, files: TlsFiles) -> None:
        sentence = await self.refusal(GOOD_HOST, door.tls, replace(files, ca="system"))
        assert sentence == (
            f"The certificate of {self.called} at {GOOD_HOST}:{door.tls} is not signed by a CA that this system trusts."
        )

    async def test_a_certificate_for_another_host_is_refused(self, door: Door, files: TlsFiles) -> None:
        assert await self.refusal(OTHER_HOST, door.tls, files) == (
            f"The certificate of {self.called} at {OTHER_HOST}:{door.tls} is for another host name."
        )

    async def test_without_our_certificate_it_is_asked_for(
        self, door: Door, files: TlsFiles, cert_setting: str
    ) -> None:
        assert await self.refusal(GOOD_HOST, door.tls, replace(files, cert=None, key=None)) == (
            f"{self.called} at {GOOD_HOST}:{door.tls} wants a client certificate: set {cert_setting}."
        )

    async def test_a_certificate_of_ours_that_the_server_does_not_know_is_named(
        self, door: Door, files: TlsFiles, stranger: Authority, cert_setting: str
    ) -> None:
        nobody = stranger.client("nobody")
        sentence = await self.refusal(GOOD_HOST, door.tls, replace(files, cert=str(nobody.cert), key=str(nobody.key)))
        assert sentence == (
            f"{self.called} at {GOOD_HOST}:{door.tls} refuses the client certificate in {cert_setting}."
        )

    async def test_tls_to_a_port_without_is_a_sentence(self, door: Door, files: TlsFiles, ca_setting: str) -> None:
        assert await self.refusal(GOOD_HOST, door.plain, files) == (
            f"{self.called} at {GOOD_HOST}:{door.plain} does not speak TLS: name a port where it does, "
            f"or unset {ca_setting}."
        )

    async def test_no_tls_to_a_port_with_it_is_a_sentence(self, door: Door, ca_setting: str) -> None:
        assert await self.refusal(GOOD_HOST, door.tls, TlsFiles(self.store)) == (
            f"{self.called} at {GOOD_HOST}:{door.tls} speaks TLS: set {ca_setting}{self.scheme}."
        )
