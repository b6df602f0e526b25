//! What can be told to people, and the words for it.

use crate::ids::{GatewayDomain, Name};
use crate::secret::KeySecret;

/// Something to tell a person. `Debug` shows no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// Somebody asked for a key to an account with this address; the code proves that they read its mail.
    Activation {
        /// The account.
        account: Name,
        /// The code.
        code: KeySecret,
        /// How long the code is good.
        minutes: u64,
        /// The gateway.
        domain: GatewayDomain,
    },
}

impl Notice {
    /// The account that the notice is about.
    pub fn account(&self) -> &Name {
        match self {
            Self::Activation { account, .. } => account,
        }
    }

    /// The mail's subject. Holds no secret: subjects show on locked screens.
    pub(super) fn subject(&self) -> String {
        match self {
            Self::Activation { domain, .. } => format!("Your activation code for {domain}"),
        }
    }

    /// The mail's text, in lines of at most 78 ASCII characters unless a name is longer.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Activation {
                account,
                code,
                minutes,
                domain,
            } => activation(account, code.expose(), *minutes, domain),
        }
    }
}

fn activation(account: &Name, code: &str, minutes: u64, domain: &GatewayDomain) -> String {
    let minutes = match minutes {
        1 => "1 minute".to_owned(),
        more => format!("{more} minutes"),
    };
    format!(
        "Somebody, most likely you, asked for a key to the account\n\
         \n    {account}\n\n\
         on the gateway\n\
         \n    {domain}\n\n\
         and gave this mail address. The activation code is\n\
         \n    {code}\n\n\
         It is good for {minutes}, and once. Enter it where you asked for the key,\n\
         and nowhere else: nobody will ask you for it.\n\
         \n\
         If it was not you, there is nothing to do. Without the code no key is made.\n"
    )
}
