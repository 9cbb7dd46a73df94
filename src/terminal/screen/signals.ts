/** What an agent's output says beside what it shows: taken out of the stream, its text made printable. */
export type ScreenSignal =
  | { readonly type: 'bell' }
  /** OSC 0 and 2, where titles are allowed. */
  | { readonly type: 'title'; readonly text: string }
  /** OSC 9, 777 and 99. */
  | { readonly type: 'notification'; readonly title: string; readonly text: string }
  /** OSC 9;4: `percent` from 0 to 100. */
  | {
      readonly type: 'progress';
      readonly state: 'none' | 'running' | 'error' | 'indeterminate' | 'paused';
      readonly percent: number;
    }
  /** OSC 133: a shell says where it is. */
  | {
      readonly type: 'prompt';
      readonly mark: 'prompt' | 'input' | 'output' | 'finished';
      /** Of `finished`, where it was told. */
      readonly exitCode?: number;
    }
  /** OSC 52: text to copy, as it came, where that is not denied. */
  | { readonly type: 'clipboard'; readonly text: string };
