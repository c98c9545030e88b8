//! The root template with its nested ones, and the way from an expression to the resource it means.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::document;

/// The file of the root template.
pub const ROOT: &str = "template.yaml";

/// How many references are followed before a circle is assumed.
const REFERENCE_LIMIT: usize = 8;

/// All templates of one deployment, by the path of their file.
#[derive(Debug, Clone)]
pub struct Stack {
    templates: BTreeMap<String, Value>,
}

/// Where a resource is declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The template's file.
    pub template: String,
    /// The logical id within it.
    pub id: String,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.id, self.template)
    }
}

/// One declared resource.
#[derive(Debug, Clone)]
pub struct Resource<'a> {
    /// Where it is declared.
    pub address: Address,
    /// Its declaration.
    pub declaration: &'a Value,
}

impl<'a> Resource<'a> {
    /// A property by its path, for example `["KeySchema"]`; null when absent.
    pub fn property(&self, path: &[&str]) -> &'a Value {
        let properties = field(self.declaration, "Properties");
        path.iter().fold(properties, |value, name| field(value, name))
    }

    /// Its type, for example `AWS::SQS::Queue`.
    pub fn kind(&self) -> &'a str {
        field(self.declaration, "Type").as_str().unwrap_or_default()
    }
}

/// A field of an object, or null.
pub fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// The elements of a list, or nothing.
pub fn elements(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The fields of an object, or nothing.
pub fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

impl Stack {
    /// Reads the root template and those it nests from a repository.
    ///
    /// # Errors
    /// When a file is missing or is not a template.
    pub fn read(repository: &Path) -> Result<Self> {
        let mut stack = Self { templates: BTreeMap::new() };
        stack.read_template(repository, ROOT)?;
        let nested: Vec<String> = stack
            .of_kind("AWS::Serverless::Application")
            .filter_map(|resource| resource.property(&["Location"]).as_str().map(str::to_owned))
            .collect();
        for file in nested {
            stack.read_template(repository, &file)?;
        }
        Ok(stack)
    }

    fn read_template(&mut self, repository: &Path, file: &str) -> Result<()> {
        let text = std::fs::read_to_string(repository.join(file)).with_context(|| format!("cannot read {file}"))?;
        let document = document::parse(&text).with_context(|| format!("cannot parse {file}"))?;
        self.templates.insert(file.to_owned(), document);
        Ok(())
    }

    /// The root template's own document.
    pub fn root(&self) -> &Value {
        self.templates.get(ROOT).unwrap_or(&Value::Null)
    }

    /// All templates with the paths of their files.
    pub fn templates(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.templates.iter()
    }

    /// The value at a JSON pointer of one template, to break it on purpose.
    pub fn at(&mut self, template: &str, pointer: &str) -> Option<&mut Value> {
        self.templates.get_mut(template)?.pointer_mut(pointer)
    }

    /// All resources of all templates.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.templates.iter().flat_map(|(file, document)| {
            fields(field(document, "Resources")).map(|(id, declaration)| Resource {
                address: Address { template: file.clone(), id: id.clone() },
                declaration,
            })
        })
    }

    /// All resources of one type.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        self.resources().filter(move |resource| resource.kind() == kind)
    }

    /// The resource at an address.
    pub fn resource(&self, address: &Address) -> Option<Resource<'_>> {
        let declaration = field(self.templates.get(&address.template)?, "Resources").get(&address.id)?;
        Some(Resource { address: address.clone(), declaration })
    }

    /// The resource that `Ref` or `Fn::GetAtt` in `template` means, through outputs of nested templates downwards and
    /// through parameters of this one upwards.
    pub fn resolve(&self, template: &str, expression: &Value) -> Option<Address> {
        self.follow(template, expression, REFERENCE_LIMIT)
    }

    fn follow(&self, template: &str, expression: &Value, limit: usize) -> Option<Address> {
        let limit = limit.checked_sub(1)?;
        if let Some([resource, attribute]) = expression.get("Fn::GetAtt").map(elements) {
            return self.follow_name(template, resource.as_str()?, attribute.as_str(), limit);
        }
        self.follow_name(template, expression.get("Ref")?.as_str()?, None, limit)
    }

    /// The resource that a dotted name in a `Fn::Sub` text means.
    pub fn resolve_name(&self, template: &str, dotted: &str) -> Option<Address> {
        let (name, attribute) = match dotted.split_once('.') {
            Some((name, attribute)) => (name, Some(attribute)),
            None => (dotted, None),
        };
        self.follow_name(template, name, attribute, REFERENCE_LIMIT)
    }

    /// The resource that an ARN in `template` belongs to, and what stands behind it: `Fn::GetAtt`, `Ref`, or a `Fn::Sub` text that
    /// begins with one of them.
    pub fn resolve_arn(&self, template: &str, expression: &Value) -> Option<(Address, String)> {
        let Some(text) = expression.get("Fn::Sub").and_then(Value::as_str) else {
            return self.resolve(template, expression).map(|address| (address, String::new()));
        };
        let (name, part) = text.strip_prefix("${")?.split_once('}')?;
        self.resolve_name(template, name).map(|address| (address, part.to_owned()))
    }

    fn follow_name(&self, template: &str, name: &str, attribute: Option<&str>, limit: usize) -> Option<Address> {
        let address = Address { template: template.to_owned(), id: name.to_owned() };
        let Some(resource) = self.resource(&address) else { return self.follow_parameter(template, name, limit) };
        match attribute.and_then(|attribute| attribute.strip_prefix("Outputs.")) {
            None => Some(address),
            Some(output) => {
                let file = resource.property(&["Location"]).as_str()?;
                let document = self.templates.get(file)?;
                let value = field(field(field(document, "Outputs"), output), "Value");
                self.follow(file, value, limit)
            }
        }
    }

    /// What the root template passes to a nested one as a parameter.
    fn follow_parameter(&self, template: &str, name: &str, limit: usize) -> Option<Address> {
        let nesting = self
            .of_kind("AWS::Serverless::Application")
            .find(|resource| resource.property(&["Location"]).as_str() == Some(template))?;
        self.follow(&nesting.address.template, nesting.property(&["Parameters"]).get(name)?, limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> Stack {
        let root = "
Resources:
  Queues: { Type: AWS::Serverless::Application, Properties: { Location: q.yaml } }
  Alarms: { Type: AWS::Serverless::Application, Properties: { Location: a.yaml, Parameters: { Name: !GetAtt Queues.Outputs.WorkName } } }
";
        let queues = "
Resources: { Work: { Type: AWS::SQS::Queue } }
Outputs: { WorkName: { Value: !GetAtt Work.QueueName } }
";
        let alarms = "Parameters: { Name: { Type: String } }";
        let read = |(file, text): (&str, &str)| (file.to_owned(), document::parse(text).unwrap());
        Stack { templates: [(ROOT, root), ("q.yaml", queues), ("a.yaml", alarms)].into_iter().map(read).collect() }
    }

    #[test]
    fn a_reference_is_followed_up_through_a_parameter_and_down_through_an_output() {
        let found = stack().resolve("a.yaml", &serde_json::json!({ "Ref": "Name" })).unwrap();
        assert_eq!(found, Address { template: "q.yaml".to_owned(), id: "Work".to_owned() });
    }

    #[test]
    fn a_name_that_nothing_declares_leads_nowhere() {
        assert_eq!(stack().resolve("a.yaml", &serde_json::json!({ "Ref": "Nobody" })), None);
    }
}
