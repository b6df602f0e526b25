//! One call of a described operation, and what the description says about it.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{faults, resolved};

/// A request of an operation, as far as it is not the same for all.
#[derive(Clone, Debug, Default)]
pub(super) struct Call<'c> {
    /// Values of the path's parameters.
    pub(super) path: &'c [(&'c str, &'c str)],
    /// The query string, encoded.
    pub(super) query: &'c str,
    pub(super) authorization: Option<&'c str>,
    pub(super) headers: &'c [(&'c str, &'c str)],
    pub(super) body: Option<&'c str>,
}

/// An operation as it is described.
#[derive(Debug)]
pub(super) struct Operation<'d> {
    document: &'d Value,
    pub(super) method: String,
    pub(super) path: &'d str,
    said: &'d Value,
}

/// Every operation of a description.
pub(super) fn all(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        let members = item.as_object().unwrap().iter();
        members
            .filter(|(_, said)| said.get("operationId").is_some())
            .map(move |(method, said)| Operation {
                document,
                method: method.to_uppercase(),
                path,
                said,
            })
    });
    operations.collect()
}

impl<'d> Operation<'d> {
    pub(super) fn id(&self) -> &'d str {
        self.said["operationId"].as_str().unwrap()
    }

    /// Whether it can be asked for without a credential.
    pub(super) fn is_open(&self) -> bool {
        let ways = self.said["security"].as_array().unwrap();
        ways.is_empty() || ways.iter().any(|way| way.as_object().unwrap().is_empty())
    }

    pub(super) fn reads_a_body(&self) -> bool {
        self.said.get("requestBody").is_some()
    }

    /// Each status that is described, with each type of content that it can have.
    pub(super) fn answers(&self) -> Vec<(u16, Option<String>)> {
        let responses = self.said["responses"].as_object().unwrap().iter();
        let answers = responses.flat_map(|(status, response)| {
            let status = status.parse().unwrap();
            let content = resolved(self.document, response)["content"].as_object();
            let types = content.map(|content| content.keys().cloned().map(Some).collect());
            let types: Vec<_> = types.unwrap_or_else(|| vec![None]);
            types.into_iter().map(move |of| (status, of))
        });
        answers.collect()
    }

    pub(super) fn describes(&self, status: u16) -> bool {
        self.said["responses"].get(status.to_string()).is_some()
    }

    /// The request as it is sent, without a head of its own for the connection.
    pub(super) fn request(&self, call: &Call<'_>) -> String {
        let mut target = self.path.to_owned();
        for (name, value) in call.path {
            target = target.replace(&format!("{{{name}}}"), value);
        }
        if !call.query.is_empty() {
            write!(target, "?{}", call.query).unwrap();
        }
        let mut head = format!("{} {target} HTTP/1.0\r\nHost: localhost\r\n", self.method);
        for (name, value) in call.headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        if let Some(authorization) = call.authorization {
            write!(head, "Authorization: {authorization}\r\n").unwrap();
        }
        if let Some(body) = call.body {
            write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
            if !call.headers.iter().any(|(name, _)| *name == "Content-Type") {
                head.push_str("Content-Type: application/json\r\n");
            }
        }
        format!("{head}\r\n{}", call.body.unwrap_or_default())
    }

    /// What the description does not allow a call to be, though it was answered as a right one.
    pub(super) fn faults_of_call(&self, call: &Call<'_>) -> Vec<String> {
        let mut found = Vec::new();
        let own = self.said["parameters"].as_array().into_iter().flatten();
        let of_path = &self.document["paths"][self.path]["parameters"];
        let parameters = own.chain(of_path.as_array().into_iter().flatten());
        let parameters: Vec<_> = parameters
            .map(|parameter| resolved(self.document, parameter))
            .collect();
        for (name, value) in self.given(call) {
            let Some(parameter) = parameters.iter().find(|one| one["name"] == name) else {
                found.push(format!("{name} is not described"));
                continue;
            };
            let value = value.parse::<u64>().map_or(Value::from(value), Value::from);
            if let Some(schema) = parameter.get("schema") {
                // A number in a query or a header is a text where a text is wanted.
                let text = value.to_string().into();
                let (right, other) = (
                    faults(self.document, schema, &value),
                    faults(self.document, schema, &text),
                );
                found.extend(if other.is_empty() { other } else { right });
            }
        }
        for parameter in parameters.iter().filter(|one| one["required"] == true) {
            if !self
                .given(call)
                .iter()
                .any(|(name, _)| parameter["name"] == *name)
            {
                found.push(format!("{parameter} is required"));
            }
        }
        found.extend(self.faults_of_body(call.body));
        found
    }

    fn given<'c>(&self, call: &Call<'c>) -> Vec<(&'c str, &'c str)> {
        let members = call.query.split('&').filter(|member| !member.is_empty());
        let query = members.map(|member| member.split_once('=').unwrap_or((member, "")));
        let path = call.path.iter().copied();
        let named = path.filter(|(name, _)| self.path.contains(&format!("{{{name}}}")));
        let headers = call.headers.iter().copied();
        let described = headers
            .filter(|(name, _)| !["Accept", "Content-Type", "X-Activation-Code"].contains(name));
        query.chain(named).chain(described).collect()
    }

    fn faults_of_body(&self, body: Option<&str>) -> Vec<String> {
        let described = self.said.get("requestBody");
        match (described, body) {
            (Some(described), Some(body)) => {
                let schema = &described["content"]["application/json"]["schema"];
                faults(self.document, schema, &serde_json::from_str(body).unwrap())
            }
            (Some(described), None) if described["required"] == true => {
                vec!["a body is required".to_owned()]
            }
            (None, Some(_)) => vec!["no body is described".to_owned()],
            (Some(_) | None, None) => Vec::new(),
        }
    }

    /// What the description does not allow an answer to be.
    pub(super) fn faults_of_answer(&self, reply: &testkit::Reply) -> Vec<String> {
        let response = &self.said["responses"][reply.status.to_string()];
        if response.is_null() {
            return vec![format!(
                "{} is not described: {}",
                reply.status,
                reply.text()
            )];
        }
        let response = resolved(self.document, response);
        let mut found = self.faults_of_headers(&response["headers"], reply);
        match (response.get("content"), reply.header("content-type")) {
            (None, None) if reply.body.is_empty() => {}
            (Some(content), Some(of)) => {
                let essence = of.split(';').next().unwrap();
                match content.get(essence) {
                    Some(media) => {
                        found.extend(self.faults_of_content(essence, &media["schema"], reply));
                    }
                    None => found.push(format!("{essence} is not described")),
                }
            }
            (_, of) => found.push(format!("{of:?} is not described: {}", reply.text())),
        }
        found
    }

    fn faults_of_headers(&self, described: &Value, reply: &testkit::Reply) -> Vec<String> {
        let mut found = Vec::new();
        for (name, header) in described.as_object().into_iter().flatten() {
            let header = resolved(self.document, header);
            match reply.header(&name.to_lowercase()) {
                Some(value) => {
                    let number = header["schema"]["type"] == "integer";
                    let value = if number {
                        value.parse::<u64>().unwrap().into()
                    } else {
                        Value::from(value)
                    };
                    found.extend(faults(self.document, &header["schema"], &value));
                }
                None if header["required"] == true => found.push(format!("{name} is missing")),
                None => {}
            }
        }
        found
    }

    fn faults_of_content(&self, of: &str, schema: &Value, reply: &testkit::Reply) -> Vec<String> {
        let value = if of == "application/json" || of.ends_with("+json") {
            reply.value()
        } else {
            reply.text().into()
        };
        faults(self.document, schema, &value)
    }
}
