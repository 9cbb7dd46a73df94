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
  /** A channel of others has no publisher any more. */
  ended(channel: string): void;
  /** A message of this end, once it is sent. */
  sent(message: ShownMessage): Promise<void>;
  problem(text: string): void;
  /** Until there is nothing more to send. */
  send(): Promise<SendResult>;
  end(): void;
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
    onEnd: (channel) => conversation.ended(channel),
    onProblem: (channel, error) => conversation.problem(`${channel}: ${error.message}`),
  });
  // It ends at the signal only; what ends it before is a failure.
  const failed = follow.then(() => new Promise<never>(() => undefined));
  try {
    return await Promise.race([conversation.send(), failed]);
  } finally {
    enough.abort();
    // First: a reader may be waiting for an output that takes nothing.
    conversation.end();
    await follow.catch(() => undefined);
  }
}

function conversationOf(run: Run, options: ConversationOptions): Conversation {
  if (run.json) return inObjects(run, options);
  return process.stdin.isTTY && process.stdout.isTTY
    ? atPrompt(run, options)
    : inLines(run, options);
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

/** Each line of standard input is a message. */
function sendInput(
  run: Run,
  { publisher, most, type }: ConversationOptions,
  onSent: Conversation['sent'],
): Promise<SendResult> {
  return sendLines(run, publisher, {
    most,
    type,
    onSent: (line) => onSent({ type, value: Buffer.from(line).toString() }),
  });
}

function inObjects(run: Run, options: ConversationOptions): Conversation {
  const { channel } = options.publisher;
  const sent = async (message: ShownMessage): Promise<void> => {
    run.print(safeJson({ channel, ...message, own: true }));
  };
  return {
    take: async (message) => run.print(messageJson(message)),
    ended: () => undefined,
    problem: (text) => run.note(safeJson({ problem: text })),
    sent,
    send: () => sendInput(run, options, sent),
    end: () => undefined,
  };
}

function inLines(run: Run, options: ConversationOptions): Conversation {
  const output = new LinesOutput(new StandardOutput(run), [ownTag(options)]);
  const shown = shownBy(output, options);
  return {
    ...shown,
    problem: (text) => run.note(`sluice: ${text}`),
    send: () => sendInput(run, options, shown.sent),
  };
}

function atPrompt(run: Run, options: ConversationOptions): Conversation {
  const name = tagOf(options.publisher.channel, options.watch);
  const typed = new TypedMessages(run, {
    ...options,
    name,
    onSent: (message) => shown.sent(message),
  });
  const output = new LinesOutput(typed.terminal, [ownTag(options)]);
  const shown = shownBy(output, options);
  typed.start(output);
  return { ...shown, problem: (text) => typed.notify(text), send: () => typed.ended };
}

function shownBy(
  output: LinesOutput,
  options: ConversationOptions,
): Pick<Conversation, 'take' | 'ended' | 'sent' | 'end'> {
  return {
    take: (message) => output.take(tagOf(message.channel, options.watch), message),
    ended: (channel) => output.endTag(tagOf(channel, options.watch)),
    sent: (message) => output.take(ownTag(options), message),
    end: () => output.end(),
  };
}
