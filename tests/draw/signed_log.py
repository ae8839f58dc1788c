"""What the operator of draws by version 2 signs with: Ed25519 keys (RFC 8032), and a draw log with its witness (C2SP)."""

import base64
import hashlib
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import verify_draw as v  # noqa: E402


def _expanded(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | (1 << 254)
    return scalar, digest[32:]


def _encoded(point):
    inverse = pow(point[2], -1, v.P)
    x, y = point[0] * inverse % v.P, point[1] * inverse % v.P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _base_times(scalar):
    return _encoded(v._times(scalar, v._point_of(v.BASE_Y, 0)))


class Signer:
    """A key pair from its seed."""

    def __init__(self, byte):
        self.scalar, self.prefix = _expanded(bytes([byte]) * 32)
        self.public = _base_times(self.scalar)

    def sign(self, message):
        def number(*parts):
            return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % v.ORDER

        nonce = number(self.prefix, message)
        point = _base_times(nonce)
        answer = nonce + number(point, self.public, message) * self.scalar
        return point + (answer % v.ORDER).to_bytes(32, "little")

    def vkey(self, name, kind):
        key = bytes([kind]) + self.public
        number = v.sha256(name.encode() + b"\n" + key)[:4].hex()
        return f"{name}+{number}+{base64.b64encode(key).decode()}"

    def thumbprint(self):
        jwk = {"crv": "Ed25519", "kty": "OKP", "x": base64url(self.public)}
        return base64url(v.sha256(v.canonical(jwk)))


TICKETS, LOG_SIGNER, WITNESS_SIGNER = Signer(9), Signer(7), Signer(8)
LOG, WITNESS = "tickets.example/.fairgate/draw.log", "witness.example/w1"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jws(typ, payload, detached=False):
    header = base64url(json.dumps({"alg": "EdDSA", "typ": typ, "kid": "k1"}).encode())
    body = base64url(payload)
    signature = base64url(TICKETS.sign(f"{header}.{body}".encode()))
    return f"{header}.{'' if detached else body}.{signature}"


def path_of(hashes, index):
    """RFC 6962's inclusion path."""
    if len(hashes) <= 1:
        return []
    split = 1 << (len(hashes) - 1).bit_length() - 1
    if index < split:
        return [*path_of(hashes[:split], index), v.root_of(hashes[split:])]
    return [*path_of(hashes[split:], index - split), v.root_of(hashes[:split])]


class Log:
    """The statements, and the checkpoints of them that the operator signed."""

    def __init__(self):
        self.statements, self.times_ms = [], []

    def append(self, statement, at_ms):
        self.statements.append(statement)
        self.times_ms.append(at_ms)

    def note(self, size, cosigned_ms=None):
        """The checkpoint of this size; with its time, the witness's cosignature."""
        hashes = [v.leaf_hash(one) for one in self.statements[:size]]
        text = f"{LOG}\n{size}\n{base64.b64encode(v.root_of(hashes)).decode()}\n"
        lines = [self._line(LOG, v.LOG_KEY, LOG_SIGNER, LOG_SIGNER.sign(text.encode()))]
        if cosigned_ms is not None:
            time_s = cosigned_ms // 1000
            signature = WITNESS_SIGNER.sign(f"cosignature/v1\ntime {time_s}\n{text}".encode())
            signature = struct.pack(">Q", time_s) + signature
            lines.append(self._line(WITNESS, v.WITNESS_KEY, WITNESS_SIGNER, signature))
        return text + "\n" + "".join(lines)

    @staticmethod
    def _line(name, kind, signer, signature):
        number = bytes.fromhex(signer.vkey(name, kind).split("+")[1])
        return f"\u2014 {name} {base64.b64encode(number + signature).decode()}\n"

    def proof(self, index):
        """Of the first checkpoint that has the statement."""
        hashes = [v.leaf_hash(one) for one in self.statements[: index + 1]]
        path = "".join(f"{base64.b64encode(of).decode()}\n" for of in path_of(hashes, index))
        return f"{v.TlogProof.HEADER}\nindex {index}\n{path}\n{self.note(index + 1, self.times_ms[index])}"

    def index_of(self, kind, digest):
        begins = f"fairgate/v2/{kind}\ndraw {digest}\n"
        return next((at for at, one in enumerate(self.statements) if one.startswith(begins)), None)
