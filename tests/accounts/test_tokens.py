"""Is anything but a good token of ours taken for one? The whole operation is refused with 401. (threats 19 and 20)"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from graph.settings import Settings, SettingsError, load
from resolvers.signing_keys import KeysUnusable, SigningKeys, of_folder, of_secret
from resolvers.tokens import ISSUER, LEEWAY, TokenRefused, Tokens
from tests.accounts.somebody import WHO, Somebody
from tests.running_school import RunningSchool

SECRET: Final = "a secret of more than thirty-two characters"
OTHER: Final = "another secret of more than thirty-two characters"

Payload = dict[str, Any]


def segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def without(name: str) -> Callable[[Payload], Payload]:
    return lambda claims: {key: value for key, value in claims.items() if key != name}


def changed(**other: Any) -> Callable[[Payload], Payload]:
    return lambda claims: {**claims, **other}


HOUR_AGO: Final = int(datetime.now(UTC).timestamp()) - 3600
# Claims that our own key has signed, which nobody but a defect of ours could make.
CLAIMS: Final[dict[str, Callable[[Payload], Payload]]] = {
    **{f"without {name}": without(name) for name in ("iss", "aud", "sub", "sid", "iat", "exp", "jti", "role")},
    "another issuer": changed(iss="elsewhere"),
    "an issuer that ends otherwise": changed(iss=f"{ISSUER} "),
    "another audience": changed(aud="refresh"),
    "no audience": changed(aud=None),
    "expired": changed(iat=HOUR_AGO - 900, exp=HOUR_AGO),
    "no number for an end": changed(exp="never"),
    "an end beyond all numbers": changed(exp=10**30),
    "a longer life than ours have": changed(exp=HOUR_AGO + 3 * 3600),
    "from the future": changed(iat=HOUR_AGO + 30 * 3600),
    "an end without end": changed(exp=float("inf")),
    "a beginning in words": changed(iat="1"),
    "not yet": changed(nbf=HOUR_AGO + 30 * 3600),
    "a subject that is no account": changed(sub="admin"),
    "a subject that is a list": changed(sub=["x"]),
    "nobody's account": changed(sub=str(uuid4())),
    "a role that there is not": changed(role="owner"),
    "the program's own role": changed(role="system"),
    "a role that is a list": changed(role=["admin"]),
    "a session that is a number": changed(sid=5),
    "nobody's session": changed(sid="x"),
    "an id that is a number": changed(jti=7),
}


@pytest.fixture
def key(changing_school: RunningSchool) -> Any:
    """The key that signs the school's tokens."""
    return changing_school.services.tokens.keys.signing


async def asked(school: RunningSchool, token: str) -> httpx.Response:
    return await school.http.post("/graphql", json={"query": WHO}, headers={"authorization": f"Bearer {token}"})


async def refused(school: RunningSchool, token: str) -> None:
    response = await asked(school, token)
    assert response.status_code == 401, response.text
    [error] = response.json()["errors"]
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}
    assert "data" not in response.json()


@pytest.mark.parametrize("which", CLAIMS)
async def test_claims_that_we_never_make_are_refused_whoever_signed_them(ada: Somebody, key: Any, which: str) -> None:
    token = jwt.encode(CLAIMS[which](ada.claims), key.private, algorithm="HS256", headers={"kid": key.id})
    await refused(ada.school, token)
    # The same way of signing is taken with the claims of before.
    whole = jwt.encode(ada.claims, key.private, algorithm="HS256", headers={"kid": key.id})
    assert (await asked(ada.school, whole)).status_code == 200


HEADERS: Final[dict[str, Payload]] = {
    "no key id": {"alg": "HS256"},
    "another key id": {"alg": "HS256", "kid": "0" * 16},
    "a path for a key id": {"alg": "HS256", "kid": "../../../../dev/null"},
    "SQL for a key id": {"alg": "HS256", "kid": "x' union select 'x"},
    "a number for a key id": {"alg": "HS256", "kid": 0},
    "a list for a key id": {"alg": "HS256", "kid": ["x"]},
}


@pytest.mark.parametrize("which", HEADERS)
async def test_a_key_that_we_do_not_have_is_not_looked_for(ada: Somebody, key: Any, which: str) -> None:
    header, body = segment({"typ": "JWT", **HEADERS[which]}), segment(ada.claims)
    signature = jwt.get_algorithm_by_name("HS256").sign(f"{header}.{body}".encode(), key.private)
    await refused(ada.school, f"{header}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS256", "ES256", "EdDSA"])
@pytest.mark.parametrize("signature", ["", "x", "AAAA"])
async def test_no_other_algorithm_is_taken(ada: Somebody, key: Any, algorithm: str, signature: str) -> None:
    header = segment({"typ": "JWT", "alg": algorithm, "kid": key.id})
    await refused(ada.school, f"{header}.{segment(ada.claims)}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_nor_with_our_own_key(ada: Somebody, key: Any, algorithm: str) -> None:
    longer = key.private * 4
    for secret in (key.private, longer):
        token = jwt.encode(ada.claims, secret, algorithm=algorithm, headers={"kid": key.id})
        await refused(ada.school, token)


@pytest.mark.parametrize("secret", [b"", b"secret", b"\0" * 32, SECRET.encode(), b"studygraph"])
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_weak_keys_open_nothing(ada: Somebody, key: Any, secret: bytes) -> None:
    try:
        token = jwt.encode(ada.claims, secret, algorithm="HS256", headers={"kid": key.id})
    except jwt.InvalidKeyError:
        return
    await refused(ada.school, token)


async def test_a_key_that_the_token_brings_along_is_not_used(ada: Somebody, key: Any) -> None:
    mine = rsa.generate_private_key(65537, 2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(mine.public_key()))
    for more in (
        {"jwk": jwk},
        {"jku": "https://evil.school/keys"},
        {"x5u": "https://evil.school/x"},
        {"crit": ["exp"]},
    ):
        for kid in (key.id, "mine"):
            token = jwt.encode(ada.claims, mine, algorithm="RS256", headers={"kid": kid, **more})
            await refused(ada.school, token)


@pytest.mark.parametrize("use", ["refresh", "reset"])
async def test_tokens_of_another_use_are_refused(ada: Somebody, use: str) -> None:
    tokens, now = ada.school.services.tokens, datetime.now(UTC)
    token = ada.refresh if use == "refresh" else tokens.reset(ada.user_id, "x", now).text
    await refused(ada.school, token)


async def test_the_session_of_somebody_else_is_refused(ada: Somebody, admin: Somebody) -> None:
    tokens, now = ada.school.services.tokens, datetime.now(UTC)
    await refused(ada.school, tokens.access(ada.user_id, "admin", admin.session_id, now).text)


async def test_a_role_in_the_token_alone_gives_nothing(ada: Somebody) -> None:
    """The session's role counts: the token's is what it was when it was signed."""
    promoted = ada.school.services.tokens.access(ada.user_id, "admin", ada.session_id, datetime.now(UTC)).text
    answer = (await asked(ada.school, promoted)).json()
    assert answer["data"]["viewer"]["role"] == "STUDENT"
    users = await ada.school.http.post(
        "/graphql", json={"query": "{ users { totalCount } }"}, headers={"authorization": f"Bearer {promoted}"}
    )
    assert users.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


IDENTITIES: Final = {
    "x-user-id": "{admin}",
    "x-hasura-role": "admin",
    "x-hasura-user-id": "{admin}",
    "x-forwarded-user": "admin@demo.school",
    "x-remote-user": "admin@demo.school",
    "remote-user": "admin",
    "x-role": "admin",
    "x-studygraph-user": "{admin}",
    "cookie": "session={session}; token={token}; access_token={token}",
    "x-access-token": "{token}",
    "x-api-key": "{token}",
    "proxy-authorization": "Bearer {token}",
    "x-original-authorization": "Bearer {token}",
}


@pytest.mark.parametrize("header", IDENTITIES)
async def test_nobody_is_anybody_by_another_header(ada: Somebody, admin: Somebody, header: str) -> None:
    """Threat 20."""
    value = IDENTITIES[header].format(admin=admin.user_id, session=admin.session_id, token=admin.access)
    nobody = await ada.school.http.post("/graphql", json={"query": WHO}, headers={header: value})
    assert nobody.json() == {"data": {"viewer": None}}
    given = {header: value, "authorization": f"Bearer {ada.access}"}
    still = await ada.school.http.post("/graphql", json={"query": WHO}, headers=given)
    assert still.json()["data"]["viewer"]["email"] == ada.email


@pytest.mark.parametrize("name", ["access_token", "token", "authorization", "userId", "x-user-id", "role"])
async def test_nor_by_the_address(ada: Somebody, admin: Somebody, name: str) -> None:
    """Threat 20."""
    for value in (admin.access, f"Bearer {admin.access}", str(admin.user_id)):
        response = await ada.school.http.post("/graphql", params={name: value}, json={"query": WHO})
        assert response.json() == {"data": {"viewer": None}}


# Keys


def pem(private: Any) -> bytes:
    found: bytes = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return found


def public_pem(private: Any) -> bytes:
    found: bytes = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


NEW: Final[dict[str, Callable[[], Any]]] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
}


def tokens_of(keys: SigningKeys) -> Tokens:
    return Tokens(SECRET, keys=keys)


def access(tokens: Tokens, now: datetime | None = None) -> str:
    return tokens.access(uuid4(), "student", "session", now or datetime.now(UTC)).text


@pytest.mark.parametrize("algorithm", NEW)
def test_a_folder_of_keys_signs_with_the_last_and_checks_with_all(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "2026-01.pem").write_bytes(pem(NEW[algorithm]()))
    before = access(tokens_of(of_folder(tmp_path)))
    (tmp_path / "2026-02.pem").write_bytes(pem(NEW[algorithm]()))
    rotated = tokens_of(of_folder(tmp_path))
    after = access(rotated)
    assert jwt.get_unverified_header(before)["kid"] != jwt.get_unverified_header(after)["kid"]
    assert jwt.get_unverified_header(after)["alg"] == algorithm
    assert rotated.verified(before).role == rotated.verified(after).role == "student"
    (tmp_path / "2026-01.pem").unlink()
    with pytest.raises(Exception, match=r"^This access token is not valid\.$"):
        tokens_of(of_folder(tmp_path)).verified(before)


@pytest.mark.parametrize("algorithm", NEW)
def test_the_public_keys_are_enough_to_check_our_tokens(tmp_path: Path, algorithm: str) -> None:
    (tmp_path / "key.pem").write_bytes(pem(NEW[algorithm]()))
    keys = of_folder(tmp_path)
    [published] = keys.published()["keys"]
    assert set(published) & {"d", "p", "q", "k"} == set(), "nothing private"
    assert (published["alg"], published["use"], published["kid"]) == (algorithm, "sig", keys.signing.id)
    claims = jwt.decode(access(tokens_of(keys)), jwt.PyJWK(published).key, algorithms=[algorithm], audience="access")
    assert claims["role"] == "student"


def test_a_public_key_checks_and_never_signs(tmp_path: Path) -> None:
    old, new = NEW["ES256"](), NEW["EdDSA"]()
    (tmp_path / "z-old.pem").write_bytes(public_pem(old))
    (tmp_path / "a-new.pem").write_bytes(pem(new))
    keys = of_folder(tmp_path)
    assert keys.signing.algorithm == "EdDSA"
    assert len(keys.checking) == 2
    (tmp_path / "a-new.pem").unlink()
    with pytest.raises(KeysUnusable, match=r"^There is no private key to sign tokens with\.$"):
        of_folder(tmp_path)


def test_a_public_key_is_no_secret(tmp_path: Path) -> None:
    """Threat 19, confusion: what everybody can read does not sign as an HMAC."""
    (tmp_path / "key.pem").write_bytes(pem(NEW["RS256"]()))
    keys = of_folder(tmp_path)
    claims = jwt.decode(access(tokens_of(keys)), options={"verify_signature": False})
    header, body = segment({"alg": "HS256", "typ": "JWT", "kid": keys.signing.id}), segment(claims)
    spki = keys.signing.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signature = jwt.get_algorithm_by_name("HS256")
    import hmac

    assert signature is not None
    forged = hmac.digest(spki, f"{header}.{body}".encode(), "sha256")
    with pytest.raises(Exception, match=r"^This access token is not valid\.$"):
        tokens_of(keys).verified(f"{header}.{body}.{base64.urlsafe_b64encode(forged).rstrip(b'=').decode()}")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"no key", "is no key in PEM without a passphrase."),
        (pem(rsa.generate_private_key(65537, 1024)), "is none of P-256, Ed25519, and RSA with at least 2048 bits."),
        (pem(ec.generate_private_key(ec.SECP384R1())), "is none of P-256, Ed25519, and RSA with at least 2048 bits."),
    ],
    ids=["nonsense", "a short key", "another curve"],
)
def test_keys_that_are_none_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, what: str
) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    monkeypatch.setenv("STUDYGRAPH_TOKEN_KEYS_DIR", str(tmp_path))
    with pytest.raises(SettingsError) as refused:
        load()
    assert str(refused.value) == f"STUDYGRAPH_TOKEN_KEYS_DIR: {tmp_path / 'key.pem'} {what}"


def test_so_does_a_folder_without_any(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable, match="has no key: put a private one there"):
        of_folder(tmp_path)


def test_the_secret_before_checks_and_no_longer_signs() -> None:
    before, now = Tokens(OTHER), Tokens(SECRET, keys=of_secret(SECRET, OTHER))
    old, new = access(before), access(now)
    assert now.verified(old).role == "student"
    assert now.verified(new).role == "student"
    with pytest.raises(Exception, match=r"^This access token is not valid\.$"):
        before.verified(new)
    assert now.keys.published() == {"keys": []}, "of a secret nothing is published"


async def test_the_public_keys_are_where_others_look_for_them(changing_school: RunningSchool) -> None:
    response = await changing_school.http.get("/.well-known/jwks.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/jwk-set+json"
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.json() == {"keys": []}


@pytest.mark.parametrize(("late", "taken"), [(0, True), (29, True), (31, False)])
def test_a_token_is_taken_half_a_minute_longer(late: int, taken: bool) -> None:
    assert timedelta(seconds=30) == LEEWAY
    tokens = Tokens(SECRET)
    text = access(tokens, datetime.now(UTC) - timedelta(minutes=15, seconds=late))
    if taken:
        assert tokens.verified(text)
    else:
        with pytest.raises(Exception, match=r"^This access token has expired\.$"):
            tokens.verified(text)


@pytest.mark.parametrize("text", ["", ".", "..", "a.b.c", "x" * 5000, "\ud800", "\0", "é.é.é"])
def test_what_is_no_token_is_refused_and_breaks_nothing(text: str) -> None:
    tokens = Tokens(SECRET)
    with pytest.raises(Exception, match=r"^This access token is not valid\.$"):
        tokens.verified(text)
    for read in (tokens.refresh_claims, tokens.reset_claims):
        with pytest.raises(TokenRefused):
            read(text)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without settings of ours."""
    for name in list(os.environ):
        if name.startswith("STUDYGRAPH_"):
            monkeypatch.delenv(name)
    assert Settings().token_keys_dir is None
