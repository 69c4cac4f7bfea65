"""What ``cfos-cloud demo`` says when everything runs."""

from __future__ import annotations

import shlex

from cfos_cloud.demo.site.settings import CloudSettings
from cfos_cloud.demo.site_command import curl_line
from cfos_cloud.demo.site_directory import USER
from cfos_cloud.demo.state import DemoState
from cfos_cloud.secret_files import read_secret

CLOUD_ID = "demo"


def what_to_do(state: DemoState, port: int, site: str, cloud: CloudSettings) -> str:
    """Addresses, log-ins, and what to try next."""
    operator = read_secret(state.operator_password)
    url = f"https://localhost:{port}"
    return f"""
A charging site is reached through the cloud, all on this machine.

  Open             {url}/
                   (a certificate of its own: the browser asks here, and once
                   more at the site's; http://localhost:{port}/ works too)
  Bookmark it      https://{CLOUD_ID}.localhost:{port}/
                   is the site's own address, by the log-in if there is need
  Cloud ID         {CLOUD_ID}
  As administrator {_admin(state)}
  As user {USER:<8} {_user(state)}

  The site itself  {site}/
                   as on its local network: user name "admin" with the
                   administrator's secret, or "user" with {USER}'s
  Operator         {url}/ui/en/cloud-admin.htm
                   admin, password {operator}
  State and logs   {state.directory}
{_service(cloud, site)}
What to try next
  1. Log in as administrator; log out; log in as {USER}, who has one wallbox only.
  2. Ask for the meter's values, as a program does:
       {curl_line(site, state.site)}
  3. Ask who is online, as the operator:
       curl -k -u admin:{shlex.quote(operator)} {url}/cloud/api/v1/systems
  4. Leave a page open in the cloud. At {site}/ui/en/settings.htm
     switch the cloud service off, and on again: the page says that the site is
     offline, and comes back by itself.
  5. Open /cloud/ at the site's address in the cloud, as administrator: all its
     devices are listed, and the smart meter has pages of its own.
  6. Make an access key under "Access keys" in the site's menu, authorise it, and
     ask for the meter through the cloud with the line that the page shows.

Stop with Ctrl-C."""


def _admin(state: DemoState) -> str:
    password = state.site.shown_admin_password()
    if password is None:
        return (
            "tick \"log in as 'admin'\"; the Cloud user ID is the admin\n"
            "                   password that you have set at the site"
        )
    if not password:
        return "not possible: the site has no admin password"
    return f"tick \"log in as 'admin'\", Cloud user ID {password}"


def _user(state: DemoState) -> str:
    user_id = state.site.shown_user_id()
    if state.site.shown_admin_password() == "":
        return "not possible: the site has no admin password"
    if user_id is None:
        return "is there no more, or has another ID now"
    return f"leave it clear, Cloud user ID {user_id}"


def _service(cloud: CloudSettings, site: str) -> str:
    if not cloud.enabled:
        return (
            "\n  The site's cloud service is switched off. Switch it on at\n"
            f"  {site}/ui/en/settings.htm\n"
        )
    return ""
