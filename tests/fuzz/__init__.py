"""What does a server answer to requests that went wrong anywhere: documents, variables, envelopes, bytes, frames?"""
