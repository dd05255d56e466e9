"""Is every mistake in a TLS file told in a sentence that names its setting, and is a good file taken as it is meant?"""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from datadir import unreachable
from datadir.errors import StoreMisconfigured
from datadir.names import StoreName
from datadir.redis.client import Redis
from datadir.tls import PREFIXES, TlsFiles
from tests.certificates import GOOD_HOST, Authority, Identity
from tests.stores import old_servers
from tests.stores.old_servers import talking
from tests.tls_front import tls_front


@pytest.fixture
def files(authority: Authority, us: Identity) -> TlsFiles:
    """As they should be."""
    return TlsFiles(StoreName.REDIS, str(authority.file), str(us.cert), str(us.key))


async def refusal(files: TlsFiles) -> str:
    """The sentence with which a start fails."""
    with pytest.raises(StoreMisconfigured) as refused:
        await files.context()
    assert refused.value.store is files.store
    return str(refused.value)


async def test_without_files_nothing_is_wrapped() -> None:
    assert await TlsFiles(StoreName.REDIS).context() is None
    assert not TlsFiles(StoreName.REDIS)


async def test_the_ca_alone_is_trusted_and_host_names_are_compared(files: TlsFiles) -> None:
    context = await files.context()
    assert context is not None
    assert [each["subject"][0][0][1] for each in context.get_ca_certs()] == ["CA of tests (trusted)"]
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_the_systems_cas_are_trusted_where_they_are_asked_for() -> None:
    context = await TlsFiles(StoreName.REDIS, ca="system").context()
    assert context is not None
    usual = ssl.create_default_context()
    assert context.get_ca_certs() == usual.get_ca_certs()


@pytest.mark.parametrize("store", StoreName)
def test_the_settings_begin_like_the_address(store: StoreName) -> None:
    files = TlsFiles(store)
    assert (files.ca_setting, files.cert_setting, files.key_setting) == tuple(
        f"{PREFIXES[store]}_TLS_{kind}_FILE" for kind in ("CA", "CERT", "KEY")
    )


@pytest.mark.parametrize("part", ["ca", "cert", "key"])
async def test_a_file_that_is_missing_or_a_folder(files: TlsFiles, part: str, tmp_path: Path) -> None:
    setting = f"REDIS_TLS_{part.upper()}_FILE"
    for place, why in ((tmp_path / "missing.pem", "No such file or directory"), (tmp_path, "Is a directory")):
        changed = replace(files, **{part: str(place)})
        assert await refusal(changed) == f"{setting} names {place}, which cannot be read: {why}."


@pytest.mark.parametrize(("part", "what"), [("ca", "certificate"), ("cert", "certificate"), ("key", "private key")])
@pytest.mark.parametrize("content", [b"", b"not a certificate\n", b"\x30\x82\xff\xfe"])
async def test_a_file_with_something_else_in_it(
    files: TlsFiles, part: str, what: str, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "file.pem"
    file.write_bytes(content)
    assert await refusal(replace(files, **{part: str(file)})) == (
        f"REDIS_TLS_{part.upper()}_FILE names {file}, which holds no {what} in PEM form."
    )


async def test_a_key_in_place_of_a_certificate(files: TlsFiles, us: Identity) -> None:
    assert await refusal(replace(files, cert=str(us.key))) == (
        f"REDIS_TLS_CERT_FILE names {us.key}, which holds no certificate in PEM form."
    )


async def test_a_certificate_without_a_key_anywhere(files: TlsFiles, us: Identity) -> None:
    assert await refusal(replace(files, key=None)) == (
        f"REDIS_TLS_CERT_FILE names {us.cert}, which holds no private key in PEM form."
    )


@pytest.mark.parametrize("part", ["ca", "cert"])
async def test_a_certificate_that_was_cut_short(files: TlsFiles, us: Identity, part: str, tmp_path: Path) -> None:
    file = tmp_path / "cut.pem"
    file.write_bytes(us.cert.read_bytes()[:300])
    sentence = await refusal(replace(files, **{part: str(file)}))
    assert sentence.startswith(f"REDIS_TLS_{part.upper()}_FILE names {file}, which is damaged (")


async def test_the_key_of_another_certificate(files: TlsFiles, authority: Authority) -> None:
    other = authority.client("somebody-else")
    assert await refusal(replace(files, key=str(other.key))) == (
        f"REDIS_TLS_KEY_FILE names {other.key}, whose key is not that of the certificate in REDIS_TLS_CERT_FILE."
    )


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
async def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(
    files: TlsFiles, us: Identity, tmp_path: Path, form: serialization.PrivateFormat
) -> None:
    key = serialization.load_pem_private_key(us.key.read_bytes(), None)
    file = tmp_path / "encrypted.pem"
    sealed = serialization.BestAvailableEncryption(b"password")
    file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, sealed))
    assert await refusal(replace(files, key=str(file))) == (
        f"REDIS_TLS_KEY_FILE names {file}, whose key is encrypted: name one that is not."
    )


async def test_files_that_need_others(files: TlsFiles) -> None:
    assert await refusal(replace(files, ca=None)) == (
        "REDIS_TLS_CERT_FILE is set without REDIS_TLS_CA_FILE: name the CA's file there, or `system`."
    )
    assert await refusal(replace(files, cert=None)) == "REDIS_TLS_KEY_FILE is set without REDIS_TLS_CERT_FILE."
    assert await refusal(replace(files, ca=None, cert=None)) == (
        "REDIS_TLS_KEY_FILE is set without REDIS_TLS_CA_FILE: name the CA's file there, or `system`."
    )


def test_certificate_and_key_are_one_file_for_as_long_as_that_is_needed(files: TlsFiles, us: Identity) -> None:
    with files.cert_with_key() as one:
        assert one is not None
        assert Path(one).read_bytes() == us.cert.read_bytes() + b"\n" + us.key.read_bytes()
        assert Path(one).stat().st_mode & 0o777 == 0o600
    assert not Path(one).exists()
    with replace(files, cert=str(us.both), key=None).cert_with_key() as one:
        assert one == str(us.both)


async def test_a_certificate_that_has_expired(files: TlsFiles, authority: Authority) -> None:
    server = authority.server("expired", days=-1)
    async with talking(old_servers.redis("7.0.15")) as plain:
        with tls_front(authority, server, plain) as port, pytest.raises(StoreMisconfigured) as refused:
            await Redis.open(f"rediss://{GOOD_HOST}:{port}/0", tls=files)
    assert str(refused.value) == f"The certificate of Redis at {GOOD_HOST}:{port} has expired."


async def test_an_address_without_tls_may_not_go_with_a_ca(files: TlsFiles) -> None:
    for address in ("redis://127.0.0.1:6379/0", "unix:///run/redis.sock"):
        with pytest.raises(StoreMisconfigured) as refused:
            await Redis.open(address, tls=files)
        assert str(refused.value) == "REDIS_TLS_CA_FILE is set: write rediss:// in REDIS_URL."


async def test_a_host_that_has_no_address_is_named() -> None:
    [nowhere] = [("no-such-host.invalid", 1)]
    assert await unreachable.sentence("REDIS_URL", [nowhere], TlsFiles(StoreName.REDIS), None) == (
        "REDIS_URL names a host that nobody knows: no-such-host.invalid."
    )


async def test_a_host_name_that_cannot_be_one_is_named() -> None:
    endless = "a" * 70 + ".example"
    assert await unreachable.sentence("REDIS_URL", [(endless, 1)], TlsFiles(StoreName.REDIS), None) == (
        f"REDIS_URL names a host that nobody knows: {endless}."
    )
