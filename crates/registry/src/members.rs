//! Members of a registry as its admins look for them. They are made and ended in `people.rs`.

use supercargo_types::{PrincipalRef, Role};

use crate::{Instance, refusal::Outcome, rights::MayAdminister};

/// A member in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub principal: PrincipalRef,
    /// What it may do.
    pub role: Role,
    /// How many users have that through it, where it is a team.
    pub people: u64,
    /// Whether it is disabled, so that nothing of that works.
    pub disabled: bool,
}

impl Instance {
    /// Members whose names a text is in, the strongest role first, and how many there are; `team:` before the text means
    /// teams alone, and `service:` service accounts.
    ///
    /// # Errors
    /// Only faults.
    pub async fn find_members(
        &self,
        right: &MayAdminister,
        text: &str,
        limit: u32,
        offset: u64,
    ) -> Outcome<(Vec<Member>, u64)> {
        let found = self
            .store
            .find_members(right.registry.id, text, limit, offset);
        let page = found.await?;
        let members = page.items.into_iter().map(|row| Member {
            principal: row.principal.reference(),
            role: row.role,
            people: row.people,
            disabled: row.principal.disabled_at.is_some(),
        });
        Ok((members.collect(), page.total))
    }

    /// Accounts whose names a text is in and that could be made members, the nearest first. Whoever may make members learns of
    /// each name whether it exists; here they need not guess.
    ///
    /// # Errors
    /// Only faults.
    pub async fn find_strangers(
        &self,
        right: &MayAdminister,
        text: &str,
        limit: u32,
    ) -> Outcome<Vec<PrincipalRef>> {
        let found = self.store.find_strangers(right.registry.id, text, limit);
        Ok(found.await?)
    }
}
