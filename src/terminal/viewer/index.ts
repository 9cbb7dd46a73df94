/** viewer: panes of this process on its own terminal. */
export {
  LocalViewer,
  type LocalViewerOptions,
  type ViewerEnd,
  type ViewerOwner,
} from './local-viewer.js';
