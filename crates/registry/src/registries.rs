//! Registries: made, changed, deleted and restored.

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use supercargo_store::{
    Attachment, Created, Deleted, NewRegistry, RegistryChange, RegistryChanged,
};
use supercargo_types::{NamePattern, Publishing, RegistryName, VersionPattern, Visibility};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};

use crate::{
    Actor, Caller, Instance,
    directory::{Attached, Reads, Registry, UpstreamSummary},
    nesting::{self, Bar, Node},
    refusal::{Outcome, Refusal},
    rights::{
        Denied, MayAdminister, MayAdministerInstance, MayCreateRegistries, MayRead, SignedIn,
    },
    upstreams::UpstreamDetail,
};

/// A deleted registry can be restored this long.
pub(crate) const RESTORABLE: Duration = Duration::from_hours(30 * 24);
const LONGEST_DESCRIPTION: usize = 1000;
const MOST_LABELS: usize = 50;
const LONGEST_LABEL: usize = 100;
/// Patterns in each of a registry's two lists.
pub const MOST_PATTERNS: usize = 500;
const MOST_UPSTREAMS: usize = 20;
/// Of a registry that is not in the database yet; no row has it.
const NEW: i64 = -1;

/// A registry to be made; only the name is needed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryRequest {
    /// Its name; it never changes.
    pub name: RegistryName,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// Free key and value pairs.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Private where absent.
    pub visibility: Option<Visibility>,
    /// Owners where absent.
    pub publishing: Option<Publishing>,
    /// None where absent.
    #[serde(default)]
    pub upstreams: Vec<AttachmentRequest>,
    /// What alone is given out and taken in; everything where absent.
    #[serde(default)]
    pub allow: Vec<VersionPattern>,
    /// What is neither given out nor taken in.
    #[serde(default)]
    pub block: Vec<VersionPattern>,
    /// Whether registries with a wider audience may read through it; false where absent.
    #[serde(default)]
    pub republish: bool,
}

/// What is to be changed; what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryEdit {
    /// For people.
    pub description: Option<String>,
    /// The whole set.
    pub labels: Option<BTreeMap<String, String>>,
    /// Who reads.
    pub visibility: Option<Visibility>,
    /// Who publishes to existing crates.
    pub publishing: Option<Publishing>,
    /// The whole ordered list.
    pub upstreams: Option<Vec<AttachmentRequest>>,
    /// The whole list.
    pub allow: Option<Vec<VersionPattern>>,
    /// The whole list.
    pub block: Option<Vec<VersionPattern>>,
    /// Whether registries with a wider audience may read through it.
    pub republish: Option<bool>,
}

/// An upstream to read through: its name, or its name with patterns.
#[derive(Clone, Debug)]
pub struct AttachmentRequest {
    /// Of the upstream.
    pub name: String,
    /// Only these names; empty is all.
    pub only: Vec<NamePattern>,
    /// Not these.
    pub except: Vec<NamePattern>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Attachment)]
struct AttachmentFields {
    name: String,
    #[serde(default)]
    only: Vec<NamePattern>,
    #[serde(default)]
    except: Vec<NamePattern>,
}

/// By hand, for an untagged enum would not say which field is unknown.
impl<'de> Deserialize<'de> for AttachmentRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AttachmentShape)
    }
}

impl PartialSchema for AttachmentRequest {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new()
            .schema_type(Type::String)
            .examples(["crates-io"]);
        OneOfBuilder::new()
            .item(name)
            .item(Ref::from_schema_name(AttachmentFields::name()))
            .into()
    }
}

impl ToSchema for AttachmentRequest {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((AttachmentFields::name().into(), AttachmentFields::schema()));
        AttachmentFields::schemas(schemas);
    }
}

struct AttachmentShape;

impl<'de> Visitor<'de> for AttachmentShape {
    type Value = AttachmentRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an upstream's name, or an object with its `name`, `only` and `except`")
    }

    fn visit_str<E>(self, name: &str) -> Result<AttachmentRequest, E> {
        Ok(AttachmentRequest {
            name: name.to_owned(),
            only: Vec::new(),
            except: Vec::new(),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<AttachmentRequest, A::Error> {
        let AttachmentFields { name, only, except } =
            Deserialize::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(AttachmentRequest { name, only, except })
    }
}

fn check_words(description: &str, labels: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if description.chars().count() > LONGEST_DESCRIPTION {
        return Err(Refusal::Shape(format!(
            "`description` has at most {LONGEST_DESCRIPTION} characters"
        )));
    }
    if description
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
    {
        return Err(Refusal::Shape(
            "`description` must not hold control characters but line breaks and tabs".to_owned(),
        ));
    }
    if labels.len() > MOST_LABELS {
        return Err(Refusal::Shape(format!(
            "`labels` has at most {MOST_LABELS} entries"
        )));
    }
    let long =
        |text: &String| text.chars().count() > LONGEST_LABEL || text.chars().any(char::is_control);
    match labels
        .iter()
        .find(|(key, value)| key.is_empty() || long(key) || long(value))
    {
        Some((key, _)) => Err(Refusal::Shape(format!(
            "label `{key}`: keys and values have at most {LONGEST_LABEL} characters, and keys at least one"
        ))),
        None => Ok(()),
    }
}

/// Each version of each view is held against all of them.
fn check_patterns(lists: [(&str, &[VersionPattern]); 2]) -> Result<(), Refusal> {
    match lists.iter().find(|(_, list)| list.len() > MOST_PATTERNS) {
        Some((field, _)) => Err(Refusal::Shape(format!(
            "`{field}` has at most {MOST_PATTERNS} patterns"
        ))),
        None => Ok(()),
    }
}

impl Instance {
    /// What a registry is to read through, in order; refused where its administrator may not attach something.
    fn attachments(
        &self,
        actor: &Arc<Actor>,
        registry: &RegistryName,
        attached: &[Attached],
        asked: &[AttachmentRequest],
    ) -> Outcome<Vec<Attachment>> {
        if asked.len() > MOST_UPSTREAMS {
            return Err(Refusal::Shape(format!(
                "`upstreams` has at most {MOST_UPSTREAMS} entries, for a name that nobody has is asked of all of them"
            ))
            .into());
        }
        let directory = self.directory();
        let mut attachments: Vec<Attachment> = Vec::new();
        for request in asked {
            let upstream = directory
                .upstream(&request.name)
                .ok_or_else(|| Refusal::NoUpstream(request.name.clone()))?;
            if attachments.iter().any(|it| it.upstream_id == upstream.id) {
                return Err(Refusal::UpstreamTwice {
                    upstream: request.name.clone(),
                }
                .into());
            }
            // what is attached may stay, so that the rest of a list can be edited
            let stays = attached.iter().any(|it| it.upstream.id == upstream.id);
            let is_allowed = stays || self.may_attach(actor, Some(registry), upstream);
            if !is_allowed {
                return Err(Refusal::UpstreamNotUsable {
                    registry: registry.clone(),
                    upstream: request.name.clone(),
                    reason: "an instance admin has to attach it, or to list this registry in its `usable_by`".to_owned(),
                }.into());
            }
            attachments.push(Attachment {
                upstream_id: upstream.id,
                only: request.only.clone(),
                except: request.except.clone(),
            });
        }
        Ok(attachments)
    }

    /// Whether somebody may attach an upstream to a registry, or to one that is still to be made.
    fn may_attach(
        &self,
        actor: &Arc<Actor>,
        registry: Option<&RegistryName>,
        upstream: &UpstreamSummary,
    ) -> bool {
        // a token that is narrowed does not have its principal's instance role
        if self.may_administer_instance(Some(actor.clone())).is_ok() {
            return true;
        }
        let usable_by = upstream.settings.usable_by.as_ref();
        let named = usable_by.map(|names| registry.is_some_and(|name| names.contains(name)));
        match upstream.reads {
            // whoever may read it through this registry is for its own administrators to say
            Reads::Registry(inner) => {
                named == Some(true)
                    || self.directory().registry_by_id(inner).is_some_and(|inner| {
                        let inner = inner.name.as_str();
                        self.may_administer(inner, Some(actor.clone())).is_ok()
                    })
            }
            Reads::Remote(_) => named.unwrap_or(!upstream.has_credentials()),
        }
    }

    /// The upstreams that somebody may attach to a registry, or to one that is still to be made, by name.
    pub fn usable_upstreams(
        &self,
        actor: &SignedIn,
        registry: Option<&RegistryName>,
    ) -> Vec<UpstreamDetail> {
        let directory = self.directory();
        let mut list = self.list_upstreams(actor);
        list.retain(|detail| {
            directory
                .upstream(&detail.name)
                .is_some_and(|upstream| self.may_attach(&actor.0, registry, upstream))
        });
        list
    }

    /// Refuses settings under which a registry would read through itself, or show more people than may read it what is in
    /// another one: also where that is two registries further on. The database looks again when it writes.
    fn check_nesting(&self, actor: &Arc<Actor>, id: i64, changed: Node) -> Outcome<()> {
        let directory = self.directory();
        let mut nodes = directory.nodes();
        let own = changed.name.clone();
        nodes.insert(id, changed);
        let mut wrong: Vec<_> = nesting::bars(&nodes)
            .into_iter()
            // what is wrong already is not this change's fault
            .filter(|(at, bar)| directory.bar(*at) != Some(bar))
            .map(|(at, bar)| (nodes[&at].name.clone(), bar))
            .collect();
        wrong.sort();
        let Some((registry, bar)) = wrong.into_iter().next() else {
            return Ok(());
        };
        // names that the caller may not see do not leak
        let sees = |name: &RegistryName| {
            *name == own || self.may_read(name.as_str(), Some(actor.clone())).is_ok()
        };
        let reason = match &bar {
            Bar::TooWide(inner) if !sees(inner) => {
                "more people may read it than one behind it that you may not see allows".to_owned()
            }
            bar => bar.to_string(),
        };
        let refusal = if sees(&registry) {
            Refusal::Nesting { registry, reason }
        } else {
            Refusal::Nesting {
                registry: own,
                reason: "a registry that you may not see reads through it, and more people may read that one; ask an instance admin to detach it there"
                    .to_owned(),
            }
        };
        Err(refusal.into())
    }

    /// The registries of this server behind a list of upstreams.
    fn inside(&self, upstreams: &[Attachment]) -> Vec<i64> {
        let directory = self.directory();
        let registry = |attachment: &Attachment| {
            let mut upstreams = directory.upstreams();
            let upstream = upstreams.find(|upstream| upstream.id == attachment.upstream_id)?;
            match upstream.reads {
                Reads::Registry(id) => Some(id),
                Reads::Remote(_) => None,
            }
        };
        upstreams.iter().filter_map(registry).collect()
    }

    /// The registries that the caller may see, by name.
    pub fn list_registries(&self, actor: &SignedIn) -> Vec<Arc<Registry>> {
        let directory = self.directory();
        let mut list: Vec<_> = directory
            .registries()
            .filter(|registry| {
                self.may_read(registry.name.as_str(), Some(actor.0.clone()))
                    .is_ok()
            })
            .cloned()
            .collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// The registries that a person may see, or everybody where nobody is signed in, by name.
    pub fn visible_registries(&self, actor: Option<&Arc<Actor>>) -> Vec<MayRead> {
        let directory = self.directory();
        let mut list: Vec<_> = directory
            .registries()
            .filter_map(|registry| {
                let name = registry.name.as_str();
                self.may_read(name, actor.cloned()).ok()
            })
            .collect();
        list.sort_by(|a, b| a.registry.name.cmp(&b.registry.name));
        list
    }

    /// How many crates a registry hosts.
    ///
    /// # Errors
    /// Only faults.
    pub async fn count_hosted(&self, right: &MayRead) -> Outcome<u64> {
        Ok(self.store.count_hosted(right.registry.id).await?)
    }

    /// Makes a registry; its maker becomes its admin.
    ///
    /// # Errors
    /// [`Refusal::RegistryTaken`], [`Refusal::RegistryTwin`], [`Refusal::RegistryRetired`], and what is wrong with an upstream.
    pub async fn create_registry(
        &self,
        right: &MayCreateRegistries,
        request: RegistryRequest,
        caller: &Caller,
    ) -> Outcome<Arc<Registry>> {
        let name = request.name;
        check_words(&request.description, &request.labels)?;
        check_patterns([("allow", &request.allow), ("block", &request.block)])?;
        let upstreams = self.attachments(&right.0, &name, &[], &request.upstreams)?;
        let visibility = request.visibility.unwrap_or(Visibility::Private);
        let node = Node {
            name: name.clone(),
            visibility,
            republish: request.republish,
            inside: self.inside(&upstreams),
        };
        self.check_nesting(&right.0, NEW, node)?;
        let new = NewRegistry {
            name: name.clone(),
            description: request.description,
            labels: request.labels,
            visibility,
            publishing: request.publishing.unwrap_or(Publishing::Owners),
            upstreams,
            allow: request.allow,
            block: request.block,
            republish: request.republish,
            now: self.clock().now(),
        };
        if self.directory().deleted_at(&name).is_some()
            && self.may_administer_instance(Some(right.0.clone())).is_ok()
        {
            return self.reuse_registry(&right.0, &new, caller).await;
        }
        let mut audit = self.audit("registry.created", Some(&right.0), caller);
        audit.registry = Some(name.to_string());
        let write = self
            .store
            .create_registry(&new, Some(right.0.principal_id), &audit);
        let created = self.write_settings(write).await?;
        // its maker is a member now
        self.people_changed();
        if let Created::Taken(existing) = created {
            let retired = self.directory().deleted_at(&name).is_some();
            return Err(match (existing == name.as_str(), retired) {
                (true, true) => Refusal::RegistryRetired(name),
                (true, false) => Refusal::RegistryTaken(name),
                (false, _) => Refusal::RegistryTwin { existing },
            }
            .into());
        }
        self.loaded(&name)
    }

    /// Uses the name of a deleted registry again, which only an instance admin may: it stands in lockfiles. What the old one
    /// held is purged, for the new one's members are others; the numbers of its versions stay taken.
    async fn reuse_registry(
        &self,
        actor: &Arc<Actor>,
        new: &NewRegistry,
        caller: &Caller,
    ) -> Outcome<Arc<Registry>> {
        let mut audit = self.audit("registry.reused", Some(actor), caller);
        audit.registry = Some(new.name.to_string());
        let write = self
            .store
            .reuse_registry(new, Some(actor.principal_id), &audit);
        let reused = self.write_settings(write).await?;
        self.people_changed();
        match reused {
            Some((_, dropped)) => self.drop_blobs(&dropped).await?,
            // somebody else was faster
            None => return Err(Refusal::RegistryTaken(new.name.clone()).into()),
        }
        self.loaded(&new.name)
    }

    /// Drops every byte of a deleted registry for ever. Its name stays retired.
    ///
    /// # Errors
    /// [`Refusal::ConfirmRegistry`] unless the name was typed again, [`Refusal::RegistryNotDeleted`].
    pub async fn purge_registry(
        &self,
        right: &MayAdministerInstance,
        name: &RegistryName,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        if confirm != Some(name.as_str()) {
            return Err(Refusal::ConfirmRegistry(name.clone()).into());
        }
        let id = {
            let directory = self.directory();
            if directory.registry(name.as_str()).is_none() && directory.retired_id(name).is_none() {
                return Err(Denied::Hidden.into());
            }
            directory.retired_id(name)
        };
        let not_deleted = || Refusal::RegistryNotDeleted(name.clone());
        let id = id.ok_or_else(not_deleted)?;
        let mut audit = self.audit("registry.purged", Some(&right.0), caller);
        audit.registry = Some(name.to_string());
        let now = self.clock().now();
        let write = self.store.purge_registry(id, now, &audit);
        match self.write_settings(write).await? {
            Some(dropped) => self.drop_blobs(&dropped).await,
            // a second time is no error
            None => Ok(()),
        }
    }

    fn loaded(&self, name: &RegistryName) -> Outcome<Arc<Registry>> {
        let registry = self.directory().registry(name.as_str()).cloned();
        registry.ok_or_else(|| Denied::Hidden.into())
    }

    /// # Errors
    /// [`Refusal::Shape`], and what is wrong with an upstream.
    pub async fn edit_registry(
        &self,
        right: &MayAdminister,
        edit: RegistryEdit,
        caller: &Caller,
    ) -> Outcome<Arc<Registry>> {
        let registry = &right.registry;
        let description = edit.description.as_deref().unwrap_or("");
        check_words(
            description,
            edit.labels.as_ref().unwrap_or(&BTreeMap::new()),
        )?;
        check_patterns([
            ("allow", edit.allow.as_deref().unwrap_or(&[])),
            ("block", edit.block.as_deref().unwrap_or(&[])),
        ])?;
        let upstreams = match &edit.upstreams {
            Some(asked) => {
                Some(self.attachments(&right.actor, &registry.name, &registry.upstreams, asked)?)
            }
            None => None,
        };
        let mut node = registry.node();
        node.visibility = edit.visibility.unwrap_or(node.visibility);
        node.republish = edit.republish.unwrap_or(node.republish);
        if let Some(upstreams) = &upstreams {
            node.inside = self.inside(upstreams);
        }
        self.check_nesting(&right.actor, registry.id, node)?;
        let change = RegistryChange {
            description: edit.description,
            labels: edit.labels,
            visibility: edit.visibility,
            publishing: edit.publishing,
            upstreams,
            allow: edit.allow,
            block: edit.block,
            republish: edit.republish,
        };
        let mut audit = self.audit("registry.changed", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        let now = self.clock().now();
        let write = self
            .store
            .update_registry(registry.id, &change, now, &audit);
        let reason = match self.write_settings(write).await? {
            RegistryChanged::Done => return self.loaded(&registry.name),
            RegistryChanged::NotThere => return Err(Denied::Hidden.into()),
            RegistryChanged::Cycle => Bar::Cycle,
            RegistryChanged::InnerDeleted(_) => Bar::Missing,
        };
        Err(Refusal::Nesting {
            registry: registry.name.clone(),
            reason: reason.to_string(),
        }
        .into())
    }

    /// Hides a registry; it can be restored for 30 days.
    ///
    /// # Errors
    /// [`Refusal::ConfirmRegistry`] unless the name was typed again.
    pub async fn delete_registry(
        &self,
        right: &MayAdminister,
        confirm: Option<&str>,
        caller: &Caller,
    ) -> Outcome<()> {
        let registry = &right.registry;
        if confirm != Some(registry.name.as_str()) {
            return Err(Refusal::ConfirmRegistry(registry.name.clone()).into());
        }
        let mut audit = self.audit("registry.deleted", Some(&right.actor), caller);
        audit.registry = Some(registry.name.to_string());
        let now = self.clock().now();
        let write = self.store.delete_registry(registry.id, now, &audit);
        match self.write_settings(write).await? {
            // deleted by somebody else meanwhile
            Deleted::Done | Deleted::NotThere => Ok(()),
            Deleted::InUse(readers) => {
                let readers: Vec<_> = readers
                    .iter()
                    // names that the caller may not see do not leak
                    .map(|name| {
                        let sees = self
                            .may_read(name.as_str(), Some(right.actor.clone()))
                            .is_ok();
                        if sees {
                            format!("registry `{name}`")
                        } else {
                            "a registry that you may not see".to_owned()
                        }
                    })
                    .collect();
                Err(Refusal::RegistryInUse {
                    registry: registry.name.clone(),
                    users: readers.join(", "),
                }
                .into())
            }
        }
    }

    /// Brings a deleted registry back as it was.
    ///
    /// # Errors
    /// [`Refusal::NotRestorable`].
    pub async fn restore_registry(
        &self,
        right: &MayAdministerInstance,
        name: &RegistryName,
        caller: &Caller,
    ) -> Outcome<Arc<Registry>> {
        let now = self.clock().now();
        let (id, deleted_at) = {
            let directory = self.directory();
            (directory.retired_id(name), directory.deleted_at(name))
        };
        let id = match (id, deleted_at) {
            (Some(id), Some(deleted_at)) if now.since(deleted_at) <= RESTORABLE => id,
            _ => return Err(Refusal::NotRestorable(name.clone()).into()),
        };
        let mut audit = self.audit("registry.restored", Some(&right.0), caller);
        audit.registry = Some(name.to_string());
        let write = self.store.restore_registry(id, now, &audit);
        if self.write_settings(write).await? {
            self.loaded(name)
        } else {
            Err(Refusal::NotRestorable(name.clone()).into())
        }
    }
}
