//! CloudFormation's YAML as plain JSON, with its short tags written out (`!Ref x` becomes `{"Ref": "x"}`).

use anyhow::{Context, Result, bail};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Number, Value};

/// Parses one template.
///
/// # Errors
/// When the text is not a single YAML document, or holds something that JSON has no word for.
pub fn parse(text: &str) -> Result<Value> {
    let mut documents = Yaml::load_from_str(text).context("this is not YAML")?;
    if documents.len() > 1 {
        bail!("expected one YAML document, found {}", documents.len());
    }
    to_json(&documents.pop().context("the document is empty")?)
}

fn to_json(yaml: &Yaml<'_>) -> Result<Value> {
    Ok(match yaml {
        Yaml::Value(scalar) => scalar_to_json(scalar)?,
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let key = key.as_str().context("a key is not text")?;
                object.insert(key.to_owned(), to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, inner) => write_out(&tag.suffix, to_json(inner)?),
        Yaml::Representation(..) | Yaml::Alias(_) | Yaml::BadValue => bail!("cannot read {yaml:?}"),
    })
}

fn scalar_to_json(scalar: &Scalar<'_>) -> Result<Value> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(truth) => Value::Bool(*truth),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => {
            Number::from_f64(number.into_inner()).map(Value::Number).context("a number is not finite")?
        }
        Scalar::String(text) => Value::String(text.to_string()),
    })
}

/// The long form of a short tag.
fn write_out(tag: &str, inner: Value) -> Value {
    let (name, inner) = match tag {
        "Ref" | "Condition" => (tag.to_owned(), inner),
        "GetAtt" => ("Fn::GetAtt".to_owned(), split_attribute(inner)),
        other => (format!("Fn::{other}"), inner),
    };
    Value::Object(Map::from_iter([(name, inner)]))
}

/// `Queue.Arn` as the two parts of `Fn::GetAtt`.
fn split_attribute(inner: Value) -> Value {
    match inner.as_str().and_then(|text| text.split_once('.')) {
        Some((resource, attribute)) => Value::from(vec![resource, attribute]),
        None => inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_are_written_out() {
        let text = "a: !Ref B\nc: !GetAtt D.Outputs.E\nf: !Sub \"${G}/x\"\nh: !If [I, [!Ref J], 1]\n";
        let expected = serde_json::json!({
            "a": { "Ref": "B" },
            "c": { "Fn::GetAtt": ["D", "Outputs.E"] },
            "f": { "Fn::Sub": "${G}/x" },
            "h": { "Fn::If": ["I", [{ "Ref": "J" }], 1] },
        });
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn quoted_numbers_stay_text() {
        assert_eq!(parse("a: \"2.0\"\nb: 2").unwrap(), serde_json::json!({ "a": "2.0", "b": 2 }));
    }
}
