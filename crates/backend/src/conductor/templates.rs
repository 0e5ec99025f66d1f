//! Deploy templates at a deploy: which apply to a node, and the steps that they add (wire reference
//! §14.1).

use cupola_api::deploy_template::DeployTemplate;
use cupola_api::node::Node;
use cupola_drivers::interface::Step;
use serde_json::Value;

use super::steps;

/// The steps of the templates whose names are among the traits of the instance, without those that
/// the request gives itself.
///
/// # Errors
/// When two of the templates have the same step.
pub(super) fn steps(
    node: &Node,
    templates: &[DeployTemplate],
    given: &[Step],
) -> Result<Vec<Step>, String> {
    let wanted: Vec<&str> = node
        .instance_info
        .get("traits")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut added: Vec<(Step, &str)> = Vec::new();
    let applying = templates
        .iter()
        .filter(|t| wanted.contains(&t.name.as_str()));
    for template in applying {
        for step in &template.steps {
            if given.iter().any(|g| g.is(&step.interface, &step.step)) {
                continue;
            }
            let twice = added
                .iter()
                .find(|(known, _)| known.is(&step.interface, &step.step));
            if let Some((known, other)) = twice {
                return Err(format!(
                    "deploy templates {other} and {} both have step {}; let the instance want one of \
                     these traits",
                    template.name,
                    known.name()
                ));
            }
            let step = steps::wanted(
                &step.interface,
                &step.step,
                step.args.clone(),
                step.priority,
            );
            added.push((step, &template.name));
        }
    }
    Ok(added.into_iter().map(|(step, _)| step).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cupola_api::deploy_template::TemplateStep;
    use cupola_api::id::DeployTemplateId;
    use cupola_api::node::Object;
    use serde_json::json;

    fn template(name: &str, step: &str) -> DeployTemplate {
        DeployTemplate {
            uuid: DeployTemplateId::random(),
            name: name.to_owned(),
            steps: vec![TemplateStep {
                interface: "bios".to_owned(),
                step: step.to_owned(),
                args: Object::new(),
                priority: 150,
            }],
            extra: Object::new(),
            created_at: None,
            updated_at: None,
        }
    }

    fn node(traits: &[&str]) -> Node {
        let mut node = Node::default();
        node.instance_info
            .insert("traits".to_owned(), json!(traits));
        node
    }

    #[test]
    fn only_wanted_templates_apply_and_the_request_wins() {
        let templates = [template("CUSTOM_A", "a"), template("CUSTOM_B", "b")];
        let names = |node: &Node, given: &[Step]| -> Vec<String> {
            let steps = steps(node, &templates, given).unwrap();
            steps.iter().map(Step::name).collect()
        };
        assert!(names(&node(&[]), &[]).is_empty());
        assert_eq!(names(&node(&["CUSTOM_B"]), &[]), ["bios.b"]);
        let given = [Step::new("bios", "b", 0)];
        assert_eq!(names(&node(&["CUSTOM_A", "CUSTOM_B"]), &given), ["bios.a"]);
    }

    #[test]
    fn one_step_of_two_templates_is_refused() {
        let templates = [template("CUSTOM_A", "a"), template("CUSTOM_B", "a")];
        let error = steps(&node(&["CUSTOM_A", "CUSTOM_B"]), &templates, &[]).unwrap_err();
        assert!(
            error.contains("CUSTOM_A") && error.contains("bios.a"),
            "{error}"
        );
    }
}
