// A network that can be cut.
import { connect, createServer } from 'node:net';

/** A way to the gateway that can be closed. */
export class Wire {
  #sockets = new Set();
  #closed = false;
  #server = createServer(socket => this.#carry(socket));

  static async to(port) {
    const wire = new Wire();
    wire.target = port;
    await new Promise(resolve => wire.#server.listen(0, 'localhost', resolve));
    wire.#server.unref();
    wire.port = wire.#server.address().port;
    return wire;
  }

  /** While it is closed there is nobody at its end. */
  set closed(closed) {
    this.#closed = closed;
    if (closed)
      this.#sockets.forEach(socket => socket.destroy());
  }

  end() {
    this.closed = true;
    this.#server.close();
  }

  #carry(near) {
    if (this.#closed)
      return near.destroy();
    const far = connect(this.target, 'localhost');
    for (const [one, other] of [[near, far], [far, near]]) {
      this.#sockets.add(one);
      one.on('error', () => { /* told by `close` */ });
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.setNoDelay(true);
      one.pipe(other);
    }
  }
}
