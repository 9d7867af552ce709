//! The two derives: a struct with named fields, each a named value.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, Result};

use crate::field::{Default, Field};
use crate::text;

/// Implements `Input`.
pub(crate) fn expand_input(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let fields = fields(&item, "input")?;
    let spec = fields.iter().enumerate().map(|(place, field)| input_spec(place, field));
    let takes = fields.iter().map(take);
    let idents: Vec<_> = fields.iter().map(|field| &field.ident).collect();
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::stepwell_sdk::Input for #ident #type_generics #bounds {
            const SPEC: &'static [&'static str] = &[#(#spec)*];

            #[allow(unused_mut, reason = "a struct without fields takes nothing")]
            fn from_items(mut items: ::stepwell_sdk::Items) -> ::core::result::Result<Self, ::stepwell_sdk::Failure> {
                #(#takes)*
                items.finish()?;
                // What could not be taken made `finish` fail.
                ::core::option::Option::ok_or_else(
                    (|| ::core::option::Option::Some(Self { #(#idents: #idents?),* }))(),
                    || ::stepwell_sdk::Failure::internal("an input was not taken"),
                )
            }
        }
    })
}

/// Implements `Output`.
pub(crate) fn expand_output(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    let fields = fields(&item, "output")?;
    let spec = fields.iter().enumerate().map(|(place, field)| output_spec(place, field));
    let names = fields.iter().map(|field| &field.name);
    let idents = fields.iter().map(|field| &field.ident);
    let (impl_generics, type_generics, bounds) = item.generics.split_for_impl();
    let ident = &item.ident;
    Ok(quote! {
        #[automatically_derived]
        impl #impl_generics ::stepwell_sdk::Output for #ident #type_generics #bounds {
            const SPEC: &'static [&'static str] = &[#(#spec)*];

            fn into_items(self) -> ::core::result::Result<::stepwell_sdk::OutputItems, ::stepwell_sdk::Failure> {
                #[allow(unused_mut, reason = "a struct without fields puts nothing")]
                let mut items = <::stepwell_sdk::OutputItems as ::core::default::Default>::default();
                #(items.put(#names, self.#idents)?;)*
                ::core::result::Result::Ok(items)
            }
        }
    })
}

fn fields(item: &DeriveInput, attribute: &str) -> Result<Vec<Field>> {
    let named = match &item.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => named.named.clone(),
            Fields::Unit => return Ok(Vec::new()),
            Fields::Unnamed(_) => return Err(unfit(item, attribute)),
        },
        Data::Enum(_) | Data::Union(_) => return Err(unfit(item, attribute)),
    };
    let fields = named.into_iter().map(|field| Field::parse(field, attribute)).collect::<Result<Vec<_>>>()?;
    for (place, field) in fields.iter().enumerate() {
        if fields[..place].iter().any(|earlier| earlier.name == field.name) {
            return Err(Error::new(field.ident.span(), format!("there are two {attribute}s named `{}`", field.name)));
        }
    }
    Ok(fields)
}

fn unfit(item: &DeriveInput, attribute: &str) -> Error {
    Error::new(item.ident.span(), format!("{attribute}s are the named fields of a struct"))
}

fn take(field: &Field) -> TokenStream {
    let Field { ident, name, ty, .. } = field;
    match &field.default {
        None => quote! { let #ident = items.take::<#ty>(#name); },
        Some(default) => {
            let value = default_value(default);
            quote! { let #ident = items.take_or::<#ty>(#name, || #value); }
        }
    }
}

fn default_value(default: &Default) -> TokenStream {
    match default {
        Default::Text(text) => {
            quote! { ::stepwell_sdk::Value::Text(::std::string::ToString::to_string(#text)) }
        }
        Default::Number(number) => quote! { ::stepwell_sdk::Value::Number(#number) },
        Default::Empty(json) => quote! { ::stepwell_sdk::Value::Json(::std::string::ToString::to_string(#json)) },
        Default::Boolean(boolean) => quote! { ::stepwell_sdk::Value::Boolean(#boolean) },
    }
}

fn input_spec(place: usize, field: &Field) -> TokenStream {
    let (head, tail, ty) = (head(place, field), tail(field), &field.ty);
    quote! {
        #head,
        <#ty as ::stepwell_sdk::FromValue>::TYPE,
        "\"",
        ::stepwell_sdk::expansion::optional(<#ty as ::stepwell_sdk::FromValue>::OPTIONAL),
        #tail,
    }
}

fn output_spec(place: usize, field: &Field) -> TokenStream {
    let (head, tail, ty) = (head(place, field), tail(field), &field.ty);
    quote! { #head, <#ty as ::stepwell_sdk::IntoValue>::TYPE, "\"", #tail, }
}

/// Returns the text of an entry up to the name of its type.
fn head(place: usize, field: &Field) -> String {
    let comma = if place == 0 { "" } else { "," };
    format!("{comma}{}:{{\"type\":\"", text::quoted(&field.name))
}

/// Returns the text of an entry after the type and `optional`.
fn tail(field: &Field) -> String {
    let description = field.description.as_deref().map(|text| format!(",\"description\":{}", text::quoted(text)));
    let default = field.default.as_ref().map(|default| format!(",\"default\":{}", default.json()));
    let sensitive = field.sensitive.then(|| ",\"sensitive\":true".to_owned());
    [description, default, sensitive].into_iter().flatten().chain(["}".to_owned()]).collect()
}
