//! What must be true of every object of the chart, whatever the values.

use serde_json::Value;

/// Everything that is wrong with some objects.
pub(super) fn of(objects: &[Value]) -> Vec<String> {
    let mut findings: Vec<String> = objects.iter().flat_map(of_one).collect();
    findings.extend(of_all(objects));
    findings
}

fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    format!("{} {}", text(&object["kind"]), text(&object["metadata"]["name"]))
}

fn of_one(object: &Value) -> Vec<String> {
    let (mut wrong, name) = (Vec::new(), name(object));
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            wrong.push(format!("{name}: {what}"));
        }
    };
    hold(object["apiVersion"].is_string() && object["kind"].is_string(), "it has no kind");
    hold(object["metadata"]["labels"]["app.kubernetes.io/name"] == "orrery", "it has no label of ours");
    let Some(pod) = pod(object) else { return wrong };
    let security = &pod["securityContext"];
    hold(
        security["runAsNonRoot"] == true && security["runAsUser"].as_u64().is_some_and(|user| user > 0),
        "it runs as root",
    );
    hold(security["seccompProfile"]["type"] == "RuntimeDefault", "it may call everything of the kernel");
    hold(pod["automountServiceAccountToken"] == false, "it may talk to the cluster");
    for container in pod["containers"].as_array().into_iter().flatten() {
        let security = &container["securityContext"];
        hold(security["readOnlyRootFilesystem"] == true, "its root file system can be written");
        hold(security["allowPrivilegeEscalation"] == false, "it may gain rights");
        hold(security["capabilities"]["drop"] == serde_json::json!(["ALL"]), "it keeps capabilities");
        hold(container["resources"]["requests"]["memory"].is_string(), "it asks for no memory");
        hold(
            container["image"].as_str().is_some_and(|image| image.contains(':') && !image.ends_with(":latest")),
            "its image has no version",
        );
        for variable in container["env"].as_array().into_iter().flatten() {
            hold(variable["name"].is_string(), "a variable has no name");
            hold(
                variable["value"].is_string() != variable["valueFrom"].is_object(),
                "a variable is no text, or two things",
            );
        }
        if object["kind"] == "Deployment" {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                hold(container[probe]["httpGet"]["path"].is_string(), &format!("it has no {probe}"));
            }
            hold(container["readinessProbe"]["httpGet"]["path"] == "/health/ready", "it is ready whatever is missing");
        }
    }
    if object["kind"] == "Deployment" {
        let grace = pod["terminationGracePeriodSeconds"].as_u64().unwrap_or_default();
        hold(grace >= 90, "it is killed before it has drained");
        let wanted = &object["spec"]["selector"]["matchLabels"];
        hold(selects(wanted, &object["spec"]["template"]["metadata"]["labels"]), "it does not select its own pods");
    }
    if object["kind"] == "Job" {
        hold(object["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade", "it runs too late");
    }
    wrong
}

fn pod(object: &Value) -> Option<&Value> {
    matches!(object["kind"].as_str(), Some("Deployment" | "Job")).then(|| &object["spec"]["template"]["spec"])
}

fn selects(wanted: &Value, labels: &Value) -> bool {
    wanted
        .as_object()
        .is_some_and(|wanted| !wanted.is_empty() && wanted.iter().all(|(name, value)| labels[name] == *value))
}

/// What one object says of another.
fn of_all(objects: &[Value]) -> Vec<String> {
    let mut wrong = Vec::new();
    let deployments: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "Deployment").collect();
    if deployments.is_empty() {
        wrong.push("nothing runs".to_owned());
    }
    for object in objects {
        let spec = &object["spec"];
        let selector = match object["kind"].as_str() {
            Some("Service") => &spec["selector"],
            Some("PodDisruptionBudget") => &spec["selector"]["matchLabels"],
            Some("NetworkPolicy") => &spec["podSelector"]["matchLabels"],
            Some("HorizontalPodAutoscaler") => {
                let target = &spec["scaleTargetRef"]["name"];
                let scaled = deployments.iter().find(|deployment| deployment["metadata"]["name"] == *target);
                if scaled.is_none_or(|deployment| !deployment["spec"]["replicas"].is_null()) {
                    wrong.push(format!("{}: it scales nothing, or something of a fixed number", name(object)));
                }
                continue;
            }
            _ => continue,
        };
        let selected = deployments
            .iter()
            .filter(|deployment| selects(selector, &deployment["spec"]["template"]["metadata"]["labels"]));
        if selected.count() != 1 {
            wrong.push(format!("{}: it does not select the pods of one role", name(object)));
        }
    }
    let mut names: Vec<String> = objects.iter().map(name).collect();
    names.sort();
    names
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .for_each(|pair| wrong.push(format!("{} is there twice", pair[0])));
    wrong
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(root: bool) -> Value {
        let labels = json!({"app.kubernetes.io/name": "orrery", "app.kubernetes.io/component": "api"});
        let probe = |path: &str| json!({"httpGet": {"path": path}});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "labels": labels}, "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 120,
                "securityContext": {"runAsNonRoot": !root, "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}},
                "containers": [{"image": "orrery:1", "resources": {"requests": {"memory": "1Mi"}}, "env": [{"name": "A", "value": "b"}],
                    "securityContext": {"readOnlyRootFilesystem": true, "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                    "startupProbe": probe("/health"), "livenessProbe": probe("/health"), "readinessProbe": probe("/health/ready")}]}}}})
    }

    fn service(component: &str) -> Value {
        let labels = json!({"app.kubernetes.io/name": "orrery", "app.kubernetes.io/component": component});
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": labels}, "spec": {"selector": labels}})
    }

    #[test]
    fn a_sound_chart_has_no_findings() {
        assert_eq!(of(&[deployment(false), service("api")]), Vec::<String>::new());
    }

    #[test]
    fn what_is_unsafe_or_leads_nowhere_is_found() {
        assert_eq!(of(&[deployment(true), service("api")]), ["Deployment a: it runs as root"]);
        assert_eq!(of(&[deployment(false), service("apx")]), ["Service a: it does not select the pods of one role"]);
        assert_eq!(
            of(&[deployment(false), deployment(false), service("api")]).len(),
            2,
            "twice, and two roles are selected"
        );
        assert_eq!(of(&[]), ["nothing runs"]);
    }
}
