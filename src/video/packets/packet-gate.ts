/** Which packets a decoder can use: none before a key frame, and after a hole none until the next. */

interface Gated {
  readonly sequence: number;
  readonly keyFrame: boolean;
  readonly discontinuity: boolean;
}

export class PacketGate<P extends Gated> {
  /** Packets that came and that no decoder can use. */
  passedOver = 0;
  #ready: P[] = [];
  #expected: number | undefined;

  /** A packet that was there before the reader; where it `begins` what is wanted, those before it are dropped. */
  preload(packet: P, begins: boolean): void {
    if (begins && packet.keyFrame) {
      this.#ready = [];
      this.restart();
    }
    this.push(packet);
  }

  push(packet: P): void {
    const follows = packet.sequence === this.#expected;
    if (!follows && !packet.keyFrame) {
      this.passedOver += 1;
      this.restart();
      return;
    }
    this.#expected = packet.sequence + 1;
    this.#ready.push(follows ? packet : { ...packet, discontinuity: true });
  }

  next(): P | undefined {
    return this.#ready.shift();
  }

  /** What follows is another stream: it begins with a key frame. */
  restart(): void {
    this.#expected = undefined;
  }
}
