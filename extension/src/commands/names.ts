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
] as const;
export type CommandName = (typeof commandNames)[number];
