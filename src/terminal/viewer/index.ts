/** viewer: panes of this process, or of a recording, on its own terminal. */
export {
  LocalViewer,
  type LocalViewerOptions,
  type ViewerEnd,
  type ViewerOwner,
} from './local-viewer.js';
export { ReplayViewer, type ReplayViewerOptions } from './replay-viewer.js';
