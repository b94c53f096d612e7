/** Context of this plug-in's commands in OHIF. */
export const commandContext = 'MEDSAM2';

export const commandNames = [
  'medsam2EnterMode',
  'medsam2LeaveMode',
  'medsam2Tool',
  'medsam2Propagate',
  'medsam2Stop',
  'medsam2Undo',
  'medsam2Redo',
  'medsam2NextDoubtful',
  'medsam2PreviousDoubtful',
  'medsam2FromCurrent',
  'medsam2ToCurrent',
  'medsam2AddSegment',
  'medsam2Save',
  'medsam2ShowPrompts',
  'medsam2RemovePrompt',
  'medsam2FocusPanel',
  'medsam2KeyboardDraw',
  // Names of the host's own: its buttons in the header run them, and the newest context of a command counts.
  'undo',
  'redo',
] as const;
/** Context of the host's own commands for images. */
export const hostContext = 'CORNERSTONE';

export type CommandName = (typeof commandNames)[number];
