// m-ld's Socket.io rules on the `socket.io` package, over TLS: presence, broadcast of operations, and messages from one
// clone to another. No accounts, no judging, no limits: what anybody would write first.
//
// Usage: node relay.mjs ≪chain.pem≫ ≪key.pem≫; prints {"port","pid"} once it can be reached.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { Server } from 'socket.io';

const [chain, key] = process.argv.slice(2);
const server = createServer({ cert: readFileSync(chain), key: readFileSync(key) }, (_, response) => response.writeHead(204).end());
const io = new Server(server, { serveClient: false, cors: { origin: '*' } });
const idOf = new Map();

function tellPresence(domain, to = io.in(domain)) {
  const present = io.of('/').adapter.rooms.get(`${domain}/present`) ?? [];
  to.emit('presence', Array.from(present, sid => idOf.get(sid)));
}

io.on('connection', socket => {
  const { '@id': id, '@domain': domain } = socket.handshake.query;
  const presentRoom = `${domain}/present`;
  idOf.set(socket.id, id);
  socket.join([domain, `${domain}/${id}`]);
  tellPresence(domain, socket);
  socket.on('present', present => {
    present ? socket.join(presentRoom) : socket.leave(presentRoom);
    tellPresence(domain);
  });
  socket.on('operation', payload => socket.broadcast.in(domain).emit('operation', payload));
  for (const event of ['send', 'reply', 'notify']) {
    socket.on(event, (params, payload, ack) => {
      io.in(`${domain}/${params.toId}`).emit(event, params, payload);
      ack(null);
    });
  }
  socket.on('disconnecting', () => {
    const wasPresent = socket.rooms.has(presentRoom);
    socket.leave(presentRoom);
    idOf.delete(socket.id);
    if (wasPresent)
      tellPresence(domain);
  });
});

server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port, pid: process.pid })));
process.on('SIGTERM', () => process.exit(0));
