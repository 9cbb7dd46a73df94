/** What the output of an agent may do, and what it is answered. Pure. */
export * as answers from './answers.js';
export {
  CLIPBOARD_PERMISSIONS,
  ClipboardGate,
  type ClipboardPermission,
  type CopyAnswer,
  type CopyRequest,
} from './clipboard-gate.js';
export { allowedTarget } from './link-target.js';
export { DEFAULT_PERMISSIONS, MAX_LENGTHS, type Permissions } from './permissions.js';
export { plainText } from './plain-text.js';
export { RateLimit } from './rate-limit.js';
