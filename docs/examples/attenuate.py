"""Narrows a token to reading one workflow for ten minutes:

    python attenuate.py <token> <public key of the server> <workflow>

Needs the package biscuit-python, which wants to check a token before it appends to it; `orrery secrets public-keys` shows the
key, as the second word of its first line: ed25519/… No server is asked.
"""

import sys
from datetime import datetime, timedelta, timezone

from biscuit_auth import Biscuit, BlockBuilder, PublicKey

token, public_key, workflow = sys.argv[1:4]
narrow = BlockBuilder(
    """
    check if time($now), $now < {end};
    check if workflow({workflow});
    check if mode("read");
    """,
    {"end": datetime.now(timezone.utc) + timedelta(minutes=10), "workflow": workflow},
)
print(Biscuit.from_base64(token, PublicKey(public_key)).append(narrow).to_base64())
