//! A token that `docs/examples/attenuate.py` has narrowed (biscuit-python 0.4.0, with an end in 2090).

use domain::{access::Right, agents::Secret, ports::Tokens};

use crate::support::{allows, held, now, server, workflow};

const KEYS: &str = "development:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";
const NARROWED: &str = concat!(
    "CICn7roIEukBCn8KCXByaW5jaXBhbAoKdXNlcjphbGljZQoIb3BlcmF0b3IKB2V4cGlyZXMKAXQYAyIKCggIgAgSAxiBCCIJCgcI",
    "BhIDGIIIIg0KCwiDCBIGIICumaQPMigKJgoCCBsSBwgFEgMIhAgaFwoFCgMIhAgKCAoGIICumaQPCgQaAggAEiQIABIgRjWCQZ2a",
    "-KvpyCiMiE2sai6X16ZWyLoGNJqaffyOoAsaQNro-dUexqrdzp7JfX-d-emVH6MmXruNaN6ZZBdQSVJMTVhwHpQSBnL1b-Np_WWq",
    "NM5_AiFKt-F4-XOaR-6nPwQa1wEKbQoDbm93Cgh3b3JrZmxvdwoHYmlsbGluZwoEbW9kZRgDMigKJgoCCBsSBwgFEgMIhQgaFwoF",
    "CgMIhQgKCAoGIIDi3o0OCgQaAggAMhAKDgoCCBsSCAiGCBIDGIcIMg8KDQoCCBsSBwiICBICGAASJAgAEiAfOKxrzmmHdcKZR_c3",
    "c9L7lm_922OtjD2xDen_Tb78CxpAQd8IWgK2BgdoOxzfj2bl7rCcsgiOnqmIuCk1uM-w_VStoPizkWoP5HE-q4_v2MGli7JnCrJv",
    "QIs0boqnafY1AiIiCiCpveetCenFxfFgyt60o8Y0KyMl4G9-0zI_ntbbNiyRRg==",
);

#[test]
fn what_another_language_took_away_is_gone() {
    let server = server(&[KEYS]);
    let held = held(&server, &Secret::new(NARROWED));
    assert!(allows(&held, Right::RunsRead, &workflow("billing")));
    assert!(!allows(&held, Right::RunsExecute, &workflow("billing")));
    assert!(!allows(&held, Right::RunsRead, &workflow("payroll")));
    let after = now() + chrono::TimeDelta::days(365 * 70);
    assert!(server.verify(&Secret::new(NARROWED), after).is_err(), "it ends when the block says");
}
