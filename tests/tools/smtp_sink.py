"""A mail server for tests: takes mail on a free port and tells what happens, one JSON object a line.

It begins with {"event": "ready", "port": …} and ends when its standard input does, or after two minutes.

  {"event": "connection"}                   somebody connected (only with --hang)
  {"event": "recipient", "reply": …}        a recipient was offered, and what was replied
  {"event": "mail", "from": …, "to": […], "tls": …, "login": …, "text": …}
"""

import argparse
import asyncio
import json
import logging
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

LIFETIME = 120


def tell(event, **facts):
    print(json.dumps({"event": event, **facts}), flush=True)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--security", choices=["plain", "starttls", "tls"], default="plain")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--login", metavar="USER:PASSWORD")
    parser.add_argument("--hang", action="store_true", help="accept connections and say nothing")
    parser.add_argument("--reply", default="250 OK", help="to the first recipients")
    parser.add_argument("--times", type=int, default=0, help="how many recipients get that reply")
    return parser.parse_args()


class Handler:
    def __init__(self, options):
        self.reply = options.reply
        self.times = options.times

    async def handle_RCPT(self, server, session, envelope, address, options):
        reply = "250 OK"
        if self.times > 0:
            self.times -= 1
            reply = self.reply
        tell("recipient", reply=reply)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server, session, envelope):
        tell(
            "mail",
            **{"from": envelope.mail_from},
            to=envelope.rcpt_tos,
            tls=session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
            login=session.auth_data,
            text=envelope.content.decode("ascii"),
        )
        return "250 OK"


def authenticator(login):
    user, password = login.split(":", 1)

    def check(server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False, auth_data=user if right else None)

    return check


def protocol(options, context):
    settings = {}
    if options.login:
        settings.update(
            authenticator=authenticator(options.login),
            auth_required=True,
            auth_require_tls=options.security == "starttls",
        )
    if options.security == "starttls":
        settings.update(tls_context=context, require_starttls=True)
    handler = Handler(options)
    return lambda: SMTP(handler, hostname="localhost", **settings)


async def keep_silent(reader, writer):
    tell("connection")
    await reader.read()
    writer.close()


async def serve(options):
    loop = asyncio.get_running_loop()
    context = None
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
    if options.hang:
        server = await asyncio.start_server(keep_silent, "127.0.0.1", 0)
    else:
        outer = context if options.security == "tls" else None
        server = await loop.create_server(protocol(options, context), "127.0.0.1", 0, ssl=outer)
    tell("ready", port=server.sockets[0].getsockname()[1])
    ended = loop.run_in_executor(None, sys.stdin.read)
    await asyncio.wait([ended], timeout=LIFETIME)


# What clients do wrong on purpose is no news.
logging.disable(logging.CRITICAL)
asyncio.run(serve(arguments()))
