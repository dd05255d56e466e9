// What a page of Relay asks: compiled by relay-compiler; the artifacts are what `relay.test.js` runs.

import { graphql } from 'relay-runtime';

export const page = graphql`
  query classroomPageQuery($id: ID!, $first: Int, $after: String) {
    classroom(id: $id) {
      id
      name
      ...classroomMembers_classroom @arguments(first: $first, after: $after)
      ...classroomStaff_classroom
    }
  }
`;

export const members = graphql`
  fragment classroomMembers_classroom on Classroom
  @refetchable(queryName: "classroomMembersQuery")
  @argumentDefinitions(
    first: { type: "Int" }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
  ) {
    members(first: $first, after: $after, last: $last, before: $before) @connection(key: "classroom_members") {
      edges {
        node {
          id
          role
          user {
            id
            name
          }
        }
      }
    }
  }
`;

export const staff = graphql`
  fragment classroomStaff_classroom on Classroom @refetchable(queryName: "classroomStaffQuery") {
    joinCode
    teacher {
      id
      name
      avatarUrl
    }
  }
`;

export const person = graphql`
  fragment classroomPerson_user on User @refetchable(queryName: "classroomPersonQuery") {
    name
    avatarUrl
  }
`;

export const personQuery = graphql`
  query classroomPersonPageQuery {
    viewer {
      id
      ...classroomPerson_user
    }
  }
`;

export const picture = graphql`
  mutation classroomPictureMutation($input: UpdateProfileInput!) {
    updateProfile(input: $input) {
      user {
        id
        avatarUrl
      }
      errors {
        code
        path
      }
    }
  }
`;

export const live = graphql`
  subscription classroomStoresSubscription {
    storesLive {
      kind
      snapshot {
        stores {
          name
        }
      }
      changes {
        op
        store {
          name
          status
        }
      }
    }
  }
`;
