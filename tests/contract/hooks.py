"""What Schemathesis is told beyond its settings."""

import os
import uuid

import schemathesis

# The id of a key stands in its text: ork_<id>_<secret>.
OWN_KEY = uuid.UUID(os.environ["ORRERY_KEY"].split("_")[1])


@schemathesis.hook
def before_call(ctx, case, kwargs):
    """The key that Schemathesis itself presents is neither rotated nor revoked: nothing would be let in afterwards."""
    named = (case.path_parameters or {}).get("key_id")
    if named is not None and str(named).replace("-", "").lower() == OWN_KEY.hex:
        case.path_parameters["key_id"] = str(uuid.uuid4())
