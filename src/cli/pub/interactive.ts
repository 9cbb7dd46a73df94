/** `sluice pub --interactive`: publishes what is typed, and shows what others say meanwhile, on any input and output. */
import type { MessagePublisher } from '../../bus/publisher/message-publisher.js';
import type { MessageFormat, TextFormat } from '../../format/index.js';
import { agentChannel } from '../../terminal/session/session-paths.js';
import { followChannels } from '../lines/follow-channels.js';
import { LinesOutput, type ShownMessage } from '../lines/lines-output.js';
import { StandardOutput } from '../lines/lines-sink.js';
import type { Run } from '../run.js';
import { safeJson } from '../safe-json.js';
import { messageJson } from '../sub/unit-text.js';
import type { Message } from '../../bus/subscriber/received-message.js';
import { sendLines, type SendResult } from './send-messages.js';
import { TypedMessages } from './typed-messages.js';

export interface ConversationOptions {
  readonly publisher: MessagePublisher<TextFormat>;
  /** Of the messages, at first. */
  readonly type: number;
  /** Pattern of the channels that are shown. */
  readonly watch: string;
  /** Ends after so many messages. */
  readonly most: number;
  /** Runtime directory. */
  readonly directory: string | undefined;
}

/** What shows messages, and at its end has shown all of them. */
interface Conversation {
  take(message: Message<MessageFormat>): Promise<void>;
  /** A message of this end, once it is sent. */
  sent(message: ShownMessage): Promise<void>;
  problem(text: string): void;
  /** Until there is nothing more to send. */
  send(): Promise<SendResult>;
  end(): Promise<void>;
}

/**
 * Both ends on a terminal: a prompt below the lines. Else each line of the input is a message, and lines go to the output
 * as they come, or objects with `--json`.
 */
export async function converse(run: Run, options: ConversationOptions): Promise<SendResult> {
  const { publisher, watch, directory } = options;
  const enough = new AbortController();
  const conversation = conversationOf(run, options);
  const follow = followChannels({
    pattern: watch,
    directory,
    except: publisher.channel,
    signal: AbortSignal.any([run.signal, enough.signal]),
    onMessage: (message) => conversation.take(message),
    onProblem: (channel, error) => conversation.problem(`${channel}: ${error.message}`),
  });
  // It ends at the signal only; what ends it before is a failure.
  const failed = follow.then(() => new Promise<never>(() => undefined));
  try {
    return await Promise.race([conversation.send(), failed]);
  } finally {
    enough.abort();
    await follow.catch(() => undefined);
    await conversation.end();
  }
}

function conversationOf(run: Run, options: ConversationOptions): Conversation {
  const isTyped = process.stdin.isTTY && process.stdout.isTTY && !run.json;
  if (isTyped) return new TypedConversation(run, options);
  return run.json ? new JsonConversation(run, options) : new PipedConversation(run, options);
}

/** How a channel is called in front of its lines: agents by their names, where only agents are shown. */
function tagOf(channel: string, watch: string): string {
  const prefix = agentChannel('');
  const onlyAgents = watch.startsWith(prefix) && channel.startsWith(prefix);
  return onlyAgents ? channel.slice(prefix.length) : channel;
}

/** No name of a channel has this sign: what stands behind it was said here. */
function ownTag({ publisher, watch }: ConversationOptions): string {
  return `› ${tagOf(publisher.channel, watch)}`;
}

function sendPiped(
  run: Run,
  { publisher, most, type }: ConversationOptions,
  conversation: Conversation,
): Promise<SendResult> {
  return sendLines(run, publisher, {
    most,
    type,
    onSent: (line) => conversation.sent({ type, value: Buffer.from(line).toString() }),
  });
}

class PipedConversation implements Conversation {
  readonly #run: Run;
  readonly #options: ConversationOptions;
  readonly #output: LinesOutput;

  constructor(run: Run, options: ConversationOptions) {
    this.#run = run;
    this.#options = options;
    this.#output = new LinesOutput(new StandardOutput(run), [ownTag(options)]);
  }

  take(message: Message<MessageFormat>): Promise<void> {
    return this.#output.take(tagOf(message.channel, this.#options.watch), message);
  }

  sent(message: ShownMessage): Promise<void> {
    return this.#output.take(ownTag(this.#options), message);
  }

  problem(text: string): void {
    this.#run.note(`sluice: ${text}`);
  }

  send(): Promise<SendResult> {
    return sendPiped(this.#run, this.#options, this);
  }

  end(): Promise<void> {
    return this.#output.end();
  }
}

class JsonConversation implements Conversation {
  readonly #run: Run;
  readonly #options: ConversationOptions;

  constructor(run: Run, options: ConversationOptions) {
    this.#run = run;
    this.#options = options;
  }

  async take(message: Message<MessageFormat>): Promise<void> {
    this.#run.print(messageJson(message));
  }

  async sent(message: ShownMessage): Promise<void> {
    const { channel } = this.#options.publisher;
    this.#run.print(safeJson({ channel, ...message, own: true }));
  }

  problem(text: string): void {
    this.#run.note(safeJson({ problem: text }));
  }

  send(): Promise<SendResult> {
    return sendPiped(this.#run, this.#options, this);
  }

  async end(): Promise<void> {
    // What is printed is written.
  }
}

class TypedConversation implements Conversation {
  readonly #options: ConversationOptions;
  readonly #typed: TypedMessages;
  readonly #output: LinesOutput;

  constructor(run: Run, options: ConversationOptions) {
    this.#options = options;
    this.#typed = new TypedMessages(run, {
      ...options,
      name: tagOf(options.publisher.channel, options.watch),
      onSent: (message) => this.sent(message),
    });
    this.#output = new LinesOutput(this.#typed.terminal, [ownTag(options)]);
    this.#typed.start(this.#output);
  }

  take(message: Message<MessageFormat>): Promise<void> {
    return this.#output.take(tagOf(message.channel, this.#options.watch), message);
  }

  sent(message: ShownMessage): Promise<void> {
    return this.#output.take(ownTag(this.#options), message);
  }

  problem(text: string): void {
    this.#typed.notify(text);
  }

  send(): Promise<SendResult> {
    return this.#typed.ended;
  }

  end(): Promise<void> {
    return this.#output.end();
  }
}
