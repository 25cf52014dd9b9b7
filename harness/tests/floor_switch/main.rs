//! The floor's switch with a real server, a carrier with customers, hardphones and webphones: who is called and hears
//! whom, what is told of it, and that nothing is left when it's over. Every scene is judged by the witnesses too.

mod calling;
mod detecting;
mod ends;
mod inbound;
mod rooms;
mod scene;
#[path = "../surroundings/mod.rs"]
mod surroundings;
